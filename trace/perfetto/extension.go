package perfetto

import "google.golang.org/protobuf/encoding/protowire"

// The message GpuCorrelation, and the extension of TrackEvent that has it, as
// gpu_track_event.proto declares them. Perfetto draws arrows from it since 2026;
// versions before that (v52 of late 2025 is one) would count a field that they do
// not know as an error, but take the declaration from the file and show the IDs
// as an argument. A version that has the file by this name ignores it here.
const (
	extensionFile       = "protos/perfetto/trace/gpu/gpu_track_event.proto"
	eventGPUCorrelation = 3000
	correlationLaunched = 1
)

// declareExtension writes a packet with an ExtensionDescriptor, a
// FileDescriptorSet (descriptor.proto).
func (p *Writer) declareExtension() {
	const (
		packetExtension         = 72
		labelOptional, repeated = 1, 3
		typeMessage, typeUint64 = 11, 4
	)
	p.send(needsState, func(m *message) {
		nest(m, []protowire.Number{packetExtension, 1, 1}, func(m *message) {
			m.text(1, extensionFile)
			m.text(2, "perfetto.protos")
			m.message(4, func(m *message) {
				m.text(1, "GpuCorrelation")
				m.message(2, func(m *message) {
					declareField(m, "render_stage_submission_event_ids", correlationLaunched, repeated, typeUint64)
				})
			})
			m.message(4, func(m *message) {
				m.text(1, "GpuTrackEvent")
				m.message(6, func(m *message) {
					declareField(m, "gpu_correlation", eventGPUCorrelation, labelOptional, typeMessage)
					m.text(2, ".perfetto.protos.TrackEvent")
					m.text(6, ".perfetto.protos.GpuCorrelation")
				})
			})
		})
	})
}

// declareField fills a FieldDescriptorProto.
func declareField(m *message, name string, number, label, kind uint64) {
	m.text(1, name)
	m.number(3, number)
	m.number(4, label)
	m.number(5, kind)
}

// nest fills a message within messages.
func nest(m *message, fields []protowire.Number, fill func(*message)) {
	if len(fields) == 0 {
		fill(m)
		return
	}
	m.message(fields[0], func(m *message) { nest(m, fields[1:], fill) })
}
