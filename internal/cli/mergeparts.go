package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"omnitrace/merge"
	"omnitrace/trace/session"
)

// A mergeCapture is what one profiler wrote of one session.
type mergeCapture struct {
	session.Session
	tool, label string
}

// parts analyses the captures that the paths name, each for itself.
func (o *mergeOptions) parts(ctx context.Context, std streams) ([]merge.Part, error) {
	found, err := find(o.paths)
	if err != nil {
		return nil, err
	}
	chosen, err := o.chooseEach(found)
	if err != nil {
		return nil, err
	}
	warn(std, findWarnings(found, chosen))
	var all []merge.Part
	captures := o.captures(chosen)
	for i, name := range captureNames(captures) {
		parts, err := o.capture(ctx, std, captures[i])
		if err != nil {
			return nil, err
		}
		for k := range parts {
			parts[k].Capture = name
		}
		all = append(all, parts...)
	}
	return all, nil
}

// chooseEach returns the session of --session, or the newest one of each path.
func (o *mergeOptions) chooseEach(found session.Found) ([]session.Session, error) {
	if o.session != "" || len(o.paths) == 1 {
		return o.choose(found)
	}
	var chosen []session.Session
	for _, path := range o.paths {
		var below session.Found
		for _, s := range found.Sessions {
			if slices.ContainsFunc(s.Files, func(f session.File) bool { return isBelow(f.Path, path) }) {
				below.Sessions = append(below.Sessions, s)
			}
		}
		s, ok := below.Newest()
		if ok && !slices.ContainsFunc(chosen, func(c session.Session) bool { return c.ID == s.ID }) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return o.choose(found) // its error says what to do
	}
	return chosen, nil
}

func isBelow(file, path string) bool {
	rel, err := filepath.Rel(path, file)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// tools are the profilers, by the format of what they write.
var tools = map[session.Format]string{
	session.Chrome: "torch", session.NsysSQLite: "nsys", session.NsysReport: "nsys", session.NsysStats: "nsys",
}

// captures takes sessions apart by profiler and label: files that are named one
// by one are one session, whoever wrote them.
func (o *mergeOptions) captures(sessions []session.Session) []mergeCapture {
	var all []mergeCapture
	for _, s := range sessions {
		from := len(all)
		for _, f := range s.Files {
			if f.Role == session.Side {
				continue
			}
			c := mergeCapture{s, tools[f.Format], o.labelOf(f.Path)}
			c.Files = nil
			i := slices.IndexFunc(all[from:], func(b mergeCapture) bool { return b.tool == c.tool && b.label == c.label })
			if i < 0 {
				i = len(all) - from
				all = append(all, c)
			}
			all[from+i].Files = append(all[from+i].Files, f)
		}
	}
	// What is all shown and not counted is no capture, unless it is all there is.
	if n := slices.DeleteFunc(slices.Clone(all), func(c mergeCapture) bool { return len(c.Traces()) == 0 }); len(n) > 0 {
		return n
	}
	return all
}

// labelOf returns the label of the path that a file lies below.
func (o *mergeOptions) labelOf(file string) string {
	for i, path := range o.paths {
		if isBelow(file, path) && o.labels[i] != "" {
			return o.labels[i]
		}
	}
	return ""
}

// captureNames tells captures apart in as few words as do.
func captureNames(all []mergeCapture) []string {
	names := make([]string, len(all))
	if len(all) == 1 {
		names[0] = all[0].label
		return names
	}
	for _, form := range []func(mergeCapture) string{
		func(c mergeCapture) string { return c.tool },
		func(c mergeCapture) string { return c.ID },
		func(c mergeCapture) string { return c.tool + " " + c.ID },
	} {
		taken := map[string]bool{}
		for i, c := range all {
			names[i] = c.label
			if names[i] == "" || taken[names[i]] {
				names[i] = strings.TrimSpace(c.label + " " + form(c))
			}
			taken[names[i]] = true
		}
		if len(taken) == len(all) {
			break
		}
	}
	return names
}
