package trim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// sound is an independent look at a copy: it is JSON, and whatever a row refers
// to is there.
func sound(text []byte) error {
	var doc struct {
		Events []struct {
			Ph, Cat, Name string
			Pid, Tid, ID  any
			Ts            json.Number
			Args          map[string]any
		} `json:"traceEvents"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return err
	}
	used, named := map[string]bool{}, map[string]bool{}
	starts, ends := map[string]int{}, map[string]int{}
	calls, work := map[string]bool{}, map[string]bool{}
	at := map[string]bool{}
	for _, e := range doc.Events {
		pid, tid := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid)
		if e.Ph == "X" || e.Ph == "i" {
			used["process "+pid], used["thread "+pid+"/"+tid] = true, true
			at[pid+"/"+tid+"@"+e.Ts.String()] = true
		}
		id := fmt.Sprint(e.Args["correlation"])
		switch cat := strings.ToLower(e.Cat); {
		case strings.HasSuffix(cat, "_runtime") || strings.HasSuffix(cat, "_driver"):
			calls[id] = true
		case cat == "kernel" || cat == "gpu_memcpy" || cat == "gpu_memset":
			work[id] = true
		}
	}
	for _, e := range doc.Events {
		pid, tid, id := fmt.Sprint(e.Pid), fmt.Sprint(e.Tid), e.Cat+fmt.Sprint(e.ID)
		switch e.Ph {
		case "s":
			starts[id]++
		case "f", "t":
			ends[id]++
		case "M":
			if e.Name == "process_name" {
				named["process "+pid] = true
			}
			if !used["process "+pid] || strings.HasPrefix(e.Name, "thread_") && !used["thread "+pid+"/"+tid] {
				return fmt.Errorf("%s of %s/%s, of which nothing is left", e.Name, pid, tid)
			}
		}
		if (e.Ph == "s" || e.Ph == "f") && !at[pid+"/"+tid+"@"+e.Ts.String()] {
			return fmt.Errorf("an arrow's end at %s/%s, %s, where nothing begins", pid, tid, e.Ts)
		}
	}
	for id := range starts {
		if ends[id] == 0 {
			return fmt.Errorf("arrow %s has no end", id)
		}
	}
	for id := range ends {
		if starts[id] == 0 {
			return fmt.Errorf("arrow %s has no begin", id)
		}
	}
	return nil
}
