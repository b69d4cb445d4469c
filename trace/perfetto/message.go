package perfetto

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is an encoded protobuf message.
type message []byte

func (m *message) number(field protowire.Number, v uint64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, v)
}

func (m *message) text(field protowire.Number, s string) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendString(*m, s)
}

// message appends a field that is a message. Its length is known only when it
// is filled: it is filled in place and moved, so that no other buffer is needed.
func (m *message) message(field protowire.Number, fill func(*message)) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	at := len(*m)
	fill(m)
	n := len(*m) - at
	size := protowire.SizeVarint(uint64(n))
	for range size {
		*m = append(*m, 0)
	}
	copy((*m)[at+size:], (*m)[at:at+n])
	protowire.AppendVarint((*m)[:at], uint64(n))
}

// Fields of Trace, of TracePacket, and the values that all packets share.
const (
	tracePacket = 1

	packetClockSnapshot     = 6
	packetTimestamp         = 8
	packetSequence          = 10
	packetTrackEvent        = 11
	packetInterned          = 12
	packetFlags             = 13
	packetCompressedPackets = 50
	packetGPUStage          = 53
	packetTrackDescriptor   = 60

	sequence     = 1
	stateCleared = 1
	needsState   = 2
)

// Packets are deflated in bundles of so many bytes, which readers unpack one by
// one.
const bundle = 1 << 19

// A stream writes packets, deflated. It keeps the first error for its end.
type stream struct {
	out    *bufio.Writer
	plain  message // packets of the bundle
	packed bytes.Buffer
	zip    *zlib.Writer
	packet message // scratch
	head   message // scratch
}

func newStream(w io.Writer) *stream {
	s := &stream{out: bufio.NewWriterSize(w, 1<<16)}
	s.zip = zlib.NewWriter(&s.packed)
	return s
}

// send writes one packet.
func (s *stream) send(flags uint64, fill func(*message)) {
	s.plain.message(tracePacket, func(m *message) {
		fill(m)
		m.number(packetSequence, sequence)
		m.number(packetFlags, flags)
	})
	if len(s.plain) >= bundle {
		s.pack()
	}
}

// pack writes the bundle.
func (s *stream) pack() {
	s.packed.Reset()
	s.zip.Reset(&s.packed)
	s.zip.Write(s.plain) // into memory: nothing can fail
	s.zip.Close()
	s.plain = s.plain[:0]
	s.packet = protowire.AppendTag(s.packet[:0], packetCompressedPackets, protowire.BytesType)
	s.packet = protowire.AppendVarint(s.packet, uint64(s.packed.Len()))
	s.head = protowire.AppendTag(s.head[:0], tracePacket, protowire.BytesType)
	s.head = protowire.AppendVarint(s.head, uint64(len(s.packet)+s.packed.Len()))
	s.out.Write(s.head) // Flush returns the first error
	s.out.Write(s.packet)
	s.out.Write(s.packed.Bytes())
}

func (s *stream) close() error {
	if len(s.plain) > 0 {
		s.pack()
	}
	return s.out.Flush()
}
