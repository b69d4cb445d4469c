package trim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A document is a trace as a strict parser of JSON sees it.
type document struct {
	Events []struct {
		Ph, Cat, Name string
		Pid, Tid, ID  any
		Ts            any
		Args          map[string]any
	} `json:"traceEvents"`
}

func parse(text []byte) (*document, error) {
	var doc document
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("something behind the end")
	}
	return &doc, nil
}

// sound is an independent look at a copy: it is JSON, and whatever a row refers
// to is there.
func sound(text []byte) error {
	doc, err := parse(text)
	if err != nil {
		return err
	}
	if err := doc.named(); err != nil {
		return err
	}
	return doc.arrows()
}

func (doc *document) named() error {
	used := map[string]bool{}
	for _, e := range doc.Events {
		if pid, tid := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid); e.Ph != "M" && e.Ph != "s" && e.Ph != "t" && e.Ph != "f" {
			used["process "+pid], used["thread "+pid+"/"+tid] = true, true
		}
	}
	for _, e := range doc.Events {
		pid, tid := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid)
		if e.Ph == "M" && (!used["process "+pid] || strings.HasPrefix(e.Name, "thread_") && !used["thread "+pid+"/"+tid]) {
			return fmt.Errorf("%s of %s/%s, of which nothing is left", e.Name, pid, tid)
		}
	}
	return nil
}

func (doc *document) arrows() error {
	starts, ends := map[string]bool{}, map[string]bool{}
	for _, e := range doc.Events {
		switch id := e.Cat + fmt.Sprint(e.ID); e.Ph {
		case "s":
			starts[id] = true
		case "f", "t":
			ends[id] = true
		}
	}
	for id := range starts {
		if !ends[id] {
			return fmt.Errorf("arrow %s has no end", id)
		}
	}
	for id := range ends {
		if !starts[id] {
			return fmt.Errorf("arrow %s has no begin", id)
		}
	}
	return nil
}

// attached is a stricter look at arrows, which Kineto draws from and to where
// something begins.
func attached(text []byte) error {
	doc, err := parse(text)
	if err != nil {
		return err
	}
	begins := map[string]bool{}
	at := func(i int) string {
		e := &doc.Events[i]
		return fmt.Sprintf("%v/%v, %v", e.Pid, e.Tid, e.Ts)
	}
	for i, e := range doc.Events {
		if e.Ph == "X" {
			begins[at(i)] = true
		}
	}
	for i, e := range doc.Events {
		if (e.Ph == "s" || e.Ph == "f") && !begins[at(i)] {
			return fmt.Errorf("an arrow's end at %s, where nothing begins", at(i))
		}
	}
	return nil
}

// A count is how many rows of calls and of GPU work carry a correlation ID.
type count struct{ calls, work int }

func (doc *document) correlations() map[string]count {
	all := map[string]count{}
	for _, e := range doc.Events {
		id, ok := e.Args["correlation"]
		if _, err := strconv.ParseFloat(fmt.Sprint(e.Ts), 64); !ok || err != nil || e.Ph != "X" {
			continue
		}
		n := all[fmt.Sprint(id)]
		switch cat := strings.ToLower(e.Cat); {
		case strings.HasSuffix(cat, "_runtime") || strings.HasSuffix(cat, "_driver") || cat == "runtime":
			n.calls++
		case cat == "kernel" || cat == "gpu_memcpy" || cat == "gpu_memset" || cat == "memcpy" || cat == "memset":
			n.work++
		}
		all[fmt.Sprint(id)] = n
	}
	return all
}

// torn returns an ID whose calls and work stand together in the whole and not
// in the copy. IDs that several calls of the whole share prove nothing.
func torn(whole, part map[string]count) error {
	for id, p := range part {
		w := whole[id]
		if w.calls == 0 || w.work == 0 {
			continue
		}
		if p.calls == 0 && p.work > 0 {
			return fmt.Errorf("the call with ID %s is missing", id)
		}
		if p.work != w.work && w.calls <= 2 && p.calls > 0 {
			return fmt.Errorf("%d of %d pieces of work with ID %s are there", p.work, w.work, id)
		}
	}
	return nil
}
