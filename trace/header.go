package trace

// A Header is everything in a file that is not an event. It is complete only
// once the reader has returned io.EOF: metadata comes late in most real files.
type Header struct {
	Format    string // "chrome", "nsys sqlite", …: the reader's word
	Clock     Clock
	Names     Names
	Tracks    []Track
	Processes []Process
	Devices   []Device
	Details   []Detail // Details[0] is the zero Detail

	// Rows counts the event rows of the file, kept or not.
	Rows int64
	// Rank and World are those of the file's own process group (torch's
	// distributedInfo), -1 where the file does not say.
	Rank, World int
	// TraceName is the path under which the profiler says it wrote the file.
	TraceName string
	// Meta holds the file's other top-level values by key, as text.
	Meta map[string]string

	Health Health
}

// NoteKey is the key in [Header.Meta] under which a trace says how this program
// made it.
const NoteKey = "omnitrace"

// NewHeader returns an empty header for a file of the given format.
func NewHeader(format string) *Header {
	return &Header{
		Format: format, Clock: ClockUnknown, Rank: -1, World: -1,
		Details: make([]Detail, 1), Meta: map[string]string{},
	}
}
