package rules

import "fmt"

// A CallClass says what a call of the CUDA, HIP or another runtime or driver
// API does to the thread that makes it, where that explains idle time or a
// slow first step.
type CallClass string

// The classes.
const (
	OrdinaryCall   CallClass = ""                // launches, queries and the rest
	SyncCall       CallClass = "sync"            // waits for the device
	AllocationCall CallClass = "allocation"      // takes or gives back memory, which may wait for the device
	ModuleLoadCall CallClass = "module_load"     // loads code onto the device
	CaptureCall    CallClass = "graph_capture"   // captures or instantiates a graph
	CompileCall    CallClass = "compile"         // a frame that compiles code
	AutotuneCall   CallClass = "autotune"        // a frame that times variants of a kernel
	OverheadCall   CallClass = "profiler_buffer" // the profiler's own buffers
)

var callClasses = map[CallClass]bool{
	SyncCall: true, AllocationCall: true, ModuleLoadCall: true, CaptureCall: true,
	CompileCall: true, AutotuneCall: true, OverheadCall: true,
}

// A callRule gives a class to API calls and profiler rows by name, or to
// python frames by file and function.
type callRule struct {
	Class word     `yaml:"class"`
	Match patterns `yaml:"match"`
	File  texts    `yaml:"file"`
	Func  texts    `yaml:"func"`
}

func checkCall(c *callRule) error {
	if !callClasses[CallClass(c.Class.text)] {
		return fmt.Errorf("line %d: unknown class %q", c.Class.line, c.Class.text)
	}
	if len(c.Match) == 0 && (len(c.File) == 0 || len(c.Func) == 0) {
		return fmt.Errorf("line %d: a call rule needs match, or file and func", c.Class.line)
	}
	return nil
}

// Call returns the class of a runtime or driver API call ("cudaMalloc"), of a
// profiler's overhead row ("Lazy Function Loading") or of a python frame; most
// have none.
func (r *Rules) Call(name string) CallClass {
	s := newSubject(name)
	file, function, isFrame := splitFrame(name)
	for i := range r.calls {
		c := &r.calls[i]
		if isFrame {
			if len(c.File) > 0 && matchesAny(c.Func, function) && matchesFile(c.File, file) {
				return CallClass(c.Class.text)
			}
			continue
		}
		if c.Match.match(s) {
			return CallClass(c.Class.text)
		}
	}
	return OrdinaryCall
}
