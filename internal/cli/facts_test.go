package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// fact FILE PATH WANT requires of a JSON output that the values at PATH, with
// spaces between them, are WANT; with ! in front, that they are not.
func scriptFact(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) != 3, "[!] fact FILE PATH WANT")
	if got := strings.Join(valuesAt(ts, args[0], args[1]), " "); (got == args[2]) == neg {
		ts.Fatalf("%s: %q, want %q", args[1], got, args[2])
	}
}

// same FILE FILE NAME requires of two JSON outputs that they have the same value
// under a name at the top.
func scriptSame(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "same FILE FILE NAME")
	var sides [2]map[string]json.RawMessage
	for i := range sides {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &sides[i]))
	}
	a, b := sides[0][args[2]], sides[1][args[2]]
	if len(a) == 0 || !bytes.Equal(a, b) {
		ts.Fatalf("%s differs (%d and %d bytes)", args[2], len(a), len(b))
	}
}

// equal FILE PATH FILE PATH requires that the integers at the one path add up to
// those at the other, of another file.
func scriptEqual(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 4, "equal FILE PATH FILE PATH")
	if a, b := sumAt(ts, args[0], args[1]), sumAt(ts, args[2], args[3]); a.Cmp(b) != 0 {
		ts.Fatalf("%s of %s is %v, %s of %s is %v", args[1], args[0], a, args[3], args[2], b)
	}
}

// sum FILE PATH PATH requires that the integers at the one path add up to
// those at the other, exactly.
func scriptSum(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "sum FILE PATH PATH")
	if a, b := sumAt(ts, args[0], args[1]), sumAt(ts, args[0], args[2]); a.Cmp(b) != 0 {
		ts.Fatalf("%s is %v, %s is %v", args[1], a, args[2], b)
	}
}

func sumAt(ts *testscript.TestScript, file, path string) *big.Int {
	sum := new(big.Int)
	values := valuesAt(ts, file, path)
	for _, v := range values {
		n, ok := new(big.Int).SetString(v, 10)
		if !ok {
			ts.Fatalf("%s: %q is no integer", path, v)
		}
		sum.Add(sum, n)
	}
	if len(values) == 0 {
		ts.Fatalf("%s: nothing there", path)
	}
	return sum
}

func valuesAt(ts *testscript.TestScript, file, path string) []string {
	values, err := lookup([]byte(ts.ReadFile(file)), path)
	if err != nil {
		ts.Fatalf("%s: %v", file, err)
	}
	return values
}

// lookup returns the values at a path like tables.stages.0.name, in which * is
// every element of an array and len their number. The text must be one object.
func lookup(text []byte, path string) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return walk(v, strings.Split(path, "."))
}

func walk(v any, path []string) ([]string, error) {
	switch {
	case len(path) > 0:
	case v == nil:
		return []string{"null"}, nil
	default:
		return []string{fmt.Sprint(v)}, nil
	}
	step, rest := path[0], path[1:]
	switch v := v.(type) {
	case map[string]any:
		if field, ok := v[step]; ok {
			return walk(field, rest)
		}
	case []any:
		if step == "len" {
			return []string{strconv.Itoa(len(v))}, nil
		}
		if step == "*" {
			return walkAll(v, rest)
		}
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
			return walk(v[i], rest)
		}
	}
	return nil, fmt.Errorf("no %q", step)
}

func walkAll(elements []any, path []string) (values []string, err error) {
	for _, e := range elements {
		more, err := walk(e, path)
		if err != nil {
			return nil, err
		}
		values = append(values, more...)
	}
	return values, nil
}

// csv FILE COLUMN WANT requires of a CSV output that the cells of a column,
// with spaces between them, are WANT.
func scriptCSV(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "csv FILE COLUMN WANT")
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	for i, name := range rows[0] {
		if name != args[1] {
			continue
		}
		var cells []string
		for _, row := range rows[1:] {
			cells = append(cells, row[i])
		}
		if got := strings.Join(cells, " "); got != args[2] {
			ts.Fatalf("%s: %q, want %q", name, got, args[2])
		}
		return
	}
	ts.Fatalf("no column %q among %q", args[1], rows[0])
}
