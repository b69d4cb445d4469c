package tracetest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// DrawRows draws elements of traceEvents: valid JSON in any style, with events
// of all phases, names in any script, escapes, nested arguments, numbers as
// strings, and now and then null or an empty object.
func DrawRows(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.Custom(DrawRow), 0, 20).Draw(t, "rows")
}

// DrawDocument draws a whole valid trace around rows, in list or object form
// with the events anywhere among the keys.
func DrawDocument(t *rapid.T, rows []string) string {
	array := list(t, rows)
	if rapid.IntRange(0, 4).Draw(t, "form") == 0 {
		return space(t) + array + space(t)
	}
	members := []string{quote("traceEvents") + space(t) + ":" + space(t) + array}
	for _, m := range []string{
		`"schemaVersion": 1`, `"displayTimeUnit":"ms"`, `"traceName": "run\/trace.json"`,
		`"baseTimeNanoseconds": 1700000000000000000`, `"distributedInfo": {"rank": 3, "world_size": 8}`,
		`"deviceProperties": [{"id": 0, "name": "H100", "totalGlobalMem": 85}, {"id": 1}]`,
	} {
		if rapid.Bool().Draw(t, "member") {
			members = append(members, m)
		}
	}
	return space(t) + "{" + join(t, rapid.Permutation(members).Draw(t, "order")) + "}" + space(t)
}

// DrawRow draws one element of traceEvents.
func DrawRow(t *rapid.T) string {
	switch rapid.IntRange(0, 30).Draw(t, "form") {
	case 0:
		return "null"
	case 1:
		return "{" + space(t) + "}"
	case 2:
		return drawValue(t, 3)
	}
	members := []string{member(t, "ph", quote(rapid.SampledFrom(phases).Draw(t, "ph")))}
	add := func(key string, value func() string) {
		if rapid.IntRange(0, 9).Draw(t, key+"?") > 0 {
			members = append(members, member(t, key, value()))
		}
	}
	add("cat", func() string { return drawnString(t, rapid.SampledFrom(cats).Draw(t, "cat")) })
	add("name", func() string { return drawString(t) })
	add("pid", func() string { return rapid.SampledFrom([]string{"0", "1", `"Spans"`, "-1", "1234"}).Draw(t, "pid") })
	add("tid", func() string { return rapid.SampledFrom([]string{"7", "8", `"stream 9"`, `""`, "1234"}).Draw(t, "tid") })
	add("ts", func() string { return drawNumber(t) })
	add("dur", func() string { return drawNumber(t) })
	add("args", func() string { return drawArgs(t) })
	add("other", func() string { return drawValue(t, 3) })
	return "{" + space(t) + join(t, rapid.Permutation(members).Draw(t, "order")) + space(t) + "}"
}

var (
	phases = []string{"X", "X", "X", "X", "X", "B", "E", "b", "e", "n", "i", "I", "C", "s", "t", "f", "M", "N", "P", "?"}
	cats   = []string{
		"kernel", "Kernel", "kernel,foo", "foo, Kernel", "gpu_memcpy", "gpu_memset", "cuda_runtime", "cuda_driver",
		"cuda_sync", "cpu_op", "user_annotation", "gpu_user_annotation", "python_function", "ac2g", "", "Trace",
	}
)

func drawArgs(t *rapid.T) string {
	var members []string
	for _, key := range []string{"device", "stream", "correlation", "bytes", "graph node id", "External id"} {
		if rapid.Bool().Draw(t, key) {
			value := strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "value"))
			if rapid.IntRange(0, 5).Draw(t, "quoted") == 0 {
				value = quote(value)
			}
			members = append(members, member(t, key, value))
		}
	}
	for _, m := range []string{`"grid": [1, 2,3]`, `"block" : [32,1,1]`, `"Task Type":"AI_CORE"`, `"name" :"python"`} {
		if rapid.IntRange(0, 3).Draw(t, "known") == 0 {
			members = append(members, m)
		}
	}
	if rapid.Bool().Draw(t, "more") {
		members = append(members, member(t, rapid.SampledFrom([]string{"x", "Call stack", "Input Dims"}).Draw(t, "key"), drawValue(t, 3)))
	}
	return "{" + space(t) + join(t, members) + space(t) + "}"
}

func drawValue(t *rapid.T, depth int) string {
	n := 6
	if depth == 0 {
		n = 4
	}
	switch rapid.IntRange(0, n).Draw(t, "value") {
	case 0, 1:
		return drawString(t)
	case 2:
		return drawNumber(t)
	case 3, 4:
		return rapid.SampledFrom([]string{"true", "false", "null", "[]", "{}"}).Draw(t, "word")
	case 5:
		return list(t, drawn(t, func() string { return drawValue(t, depth-1) }))
	}
	i := 0
	return "{" + join(t, drawn(t, func() string {
		i++
		return member(t, fmt.Sprint("k", i), drawValue(t, depth-1))
	})) + "}"
}

func drawn(t *rapid.T, one func() string) []string {
	all := make([]string, rapid.IntRange(0, 3).Draw(t, "length"))
	for i := range all {
		all[i] = one()
	}
	return all
}

func drawNumber(t *rapid.T) string {
	text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,5})?([eE][-+]?[0-9])?`).Draw(t, "number")
	if rapid.IntRange(0, 9).Draw(t, "quoted") == 0 {
		return quote(text)
	}
	return text
}

func drawString(t *rapid.T) string {
	return drawnString(t, rapid.OneOf(
		rapid.SampledFrom([]string{"gemm", "aten::mm", "void f<int>(int*)", "步骤 1", "a\"b\\c/\n\t\x01", "😀", `","ph":"X"}`, "},{"}),
		rapid.String(),
	).Draw(t, "string"))
}

// drawnString writes s as a JSON string in one of the many ways.
func drawnString(t *rapid.T, s string) string {
	var out strings.Builder
	every := rapid.SampledFrom([]int{1, 3, 1000, 1000, 1000}).Draw(t, "escape every")
	i := 0
	for _, r := range s {
		i++
		switch short, ok := shortEscapes[r]; {
		case ok && i%2 == 0:
			out.WriteString(short)
		case r < ' ' || r == '"' || r == '\\' || i%every == 0:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		default:
			out.WriteRune(r)
		}
	}
	return `"` + out.String() + `"`
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '/': `\/`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

func member(t *rapid.T, key, value string) string {
	return quote(key) + space(t) + ":" + space(t) + value
}

func list(t *rapid.T, values []string) string {
	return "[" + space(t) + join(t, values) + space(t) + "]"
}

func join(t *rapid.T, parts []string) string {
	return strings.Join(parts, space(t)+","+space(t))
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", " ", "\n", "\r\n\t", "\n    "}).Draw(t, "space")
}
