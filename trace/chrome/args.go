package chrome

import (
	"bytes"
	"strings"

	"omnitrace/trace"
)

// gpuArgs are the arguments that tie a row to a device and to its launch.
type gpuArgs struct {
	correlation    int64
	device, stream string // "" where missing
	task           string // Ascend's "Task Type"
	detail         trace.Detail
}

// args reads the arguments of a GPU or launch row. The keys are those of
// Kineto's output_json.cpp, and of Ascend's trace_view.json.
func (b *batch) args(r *row) gpuArgs {
	a := gpuArgs{correlation: trace.NoCorrelation}
	walkArgs(r, func(key, v []byte) {
		switch string(key) {
		case "correlation":
			n, status := integer(bytes.Trim(v, `"`))
			if status != numberOK {
				b.health.Add(trace.BadNumber, r.offset)
				return
			}
			a.correlation = n
			if v[0] == '"' {
				b.health.Add(trace.NumberAsString, r.offset)
			}
		case "device":
			a.device = unquote(v)
		case "stream":
			a.stream = unquote(v)
		case "Task Type":
			a.task = unquote(v)
		case "grid":
			a.detail.Grid = triple(v)
		case "block":
			a.detail.Block = triple(v)
		case "bytes":
			a.detail.Bytes, _ = integer(bytes.Trim(v, `"`))
		case "graph node id":
			a.detail.GraphNode, _ = integer(bytes.Trim(v, `"`))
		}
	})
	return a
}

// waits reports whether an Ascend task only waits for another stream.
func (a gpuArgs) waits() bool {
	t := strings.ToUpper(strings.ReplaceAll(a.task, " ", "_"))
	return strings.HasPrefix(t, "EVENT_WAIT") || strings.HasPrefix(t, "EVENT_RECORD") || strings.HasPrefix(t, "NOTIFY_WAIT")
}

var taskType = []byte(`"Task Type"`)

func isTask(args []byte) bool { return args != nil && bytes.Contains(args, taskType) }

// walkArgs calls yield for each argument of a row that a scanner has accepted,
// with the text of the value.
func walkArgs(r *row, yield func(key, value []byte)) {
	switch {
	case r.args == nil:
		return
	case r.strict:
		walkStrict(r.args[:len(r.args)+pad], yield)
		return
	}
	// The padding of the scanned text, or more rows, follow the object: it is
	// whole, so no loop runs past its end.
	t := tolerant{b: r.args[:len(r.args)+pad], n: len(r.args), guess: r.guessed}
	t.members(0, func(key []byte, i int) (int, outcome) {
		end, o := t.quickValue(i)
		if o == whole {
			yield(key, t.b[i:end])
		}
		return end, o
	})
}

// walkStrict walks an object that the strict scanner has accepted: nothing in
// it can fail, which makes it three times as fast.
func walkStrict(b []byte, yield func(key, value []byte)) {
	for i := space(b, 1); b[i] == '"'; {
		end := shortString(b, i+1)
		key := b[i+1 : end]
		colon := space(b, end+1)
		i = space(b, colon+1)
		end = value(b, i, maxDepth)
		yield(key, b[i:end])
		if i = space(b, end); b[i] != ',' {
			return
		}
		i = space(b, i+1)
	}
}

// triple reads "[1, 2, 3]".
func triple(v []byte) [3]int32 {
	var t [3]int32
	i := 0
	for _, c := range v {
		switch {
		case c-'0' < 10 && i < 3:
			t[i] = t[i]*10 + int32(c-'0')
		case c == ',':
			i++
		}
	}
	return t
}
