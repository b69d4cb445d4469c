package capture

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// startAction starts the server or the script, with its output appended to a file.
type startAction struct {
	Argv  []string
	Env   []string // added to the environment
	Unset []string // names of variables that it does not get
	Log   string
}

// readyAction waits until a URL answers 200, or the server ends.
type readyAction struct{ URL string }

// sendAction sends one request and takes its time.
type sendAction struct {
	Server  string
	Request Request
	Index   int // among the plan's requests
	Warmup  bool
}

// startProfile posts /start_profile. An answer that does not come is no error:
// in some versions it never does, although profiling works.
type startProfile struct {
	Server string
	Stages []int
}

// stopProfile posts /stop_profile and waits for the answer for as long as the
// traces grow, or until they are complete.
type stopProfile struct {
	Server string
	Stages []int
	Flush  flushAction
}

// flushAction waits until every expected trace is whole, at rest, and alone.
type flushAction struct {
	Dir    string // where the profiler writes
	Out    string // where the traces are collected, if that is another directory
	Stages []int  // nil when they are not known
	Ranks  int
	Round  int
}

// interruptAction ends the server in order, as Ctrl-C does. Under nsys only the
// server gets the signal: nsys then writes its reports.
type interruptAction struct {
	Port      int
	UnderNsys bool
}

// exitAction waits for a script to end.
type exitAction struct{}

// untilAction waits until some time after the server's start.
type untilAction struct{ After time.Duration }

// reportsAction waits until nsys has written its reports.
type reportsAction struct {
	Dir   string
	Count int
	Range Range
}

// execAction runs a short command, with its output appended to a file.
type execAction struct {
	Argv     []string
	Log      string
	Optional bool   // its failure is a warning
	Makes    string // the file that it writes: set aside if it fails
}

// nsysStart opens a capture from outside.
type nsysStart struct{ execAction }

// nsysStop closes it, which writes the report.
type nsysStop struct{ execAction }

// Script returns the plan as a shell script that does the same by hand: the
// exact commands, environment and HTTP calls. It is for bash, curl and gzip.
func (p Plan) Script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/bash\n# capture with %s into %s\n", p.Options.Tool, p.Options.Out)
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "# note: %s\n", note)
	}
	fmt.Fprintf(&b, "set -eu\nmkdir -p %s\n", quote(p.Options.Out))
	for _, s := range p.Steps {
		round := ""
		if s.Round > 0 && p.Options.Repeat > 1 {
			round = fmt.Sprintf(", round %d", s.Round)
		}
		fmt.Fprintf(&b, "\n# %s%s (at most %v)\n%s\n", s.Name, round, s.Limit, s.Action.script(p))
	}
	return b.String()
}

func (a startAction) script(p Plan) string {
	var words []string
	if len(a.Env)+len(a.Unset) > 0 {
		words = append(words, "env")
		for _, name := range a.Unset {
			words = append(words, "-u", quote(name))
		}
		words = append(words, quoteAll(a.Env)...)
	}
	words = append(words, quoteAll(a.Argv)...)
	return fmt.Sprintf("started=$SECONDS\nsetsid %s >> %s 2>&1 & server=$!", strings.Join(words, " "), quote(a.Log))
}

func (a readyAction) script(p Plan) string {
	alive := ""
	if p.Port != 0 {
		alive = "kill -0 $server; "
	}
	return fmt.Sprintf("until curl -sf -o /dev/null %s; do %ssleep 1; done", quote(a.URL), alive)
}

func (a sendAction) script(p Plan) string {
	words := []string{p.curl() + " --fail -o /dev/null"}
	for _, name := range sortedKeys(a.Request.Form) {
		words = append(words, "--form-string", quote(name+"="+a.Request.Form[name]))
	}
	if len(a.Request.Form) == 0 {
		words = append(words, "-H 'Content-Type: application/json' -d", quote(string(a.Request.Body)))
	}
	return strings.Join(append(words, quote(a.Server+a.Request.Path)), " ")
}

// curl is the beginning of every request: with the server's key, if there is one.
func (p Plan) curl() string {
	if p.Options.APIKeyEnv == "" {
		return "curl -sS"
	}
	return fmt.Sprintf(`curl -sS ${%s:+-H "Authorization: Bearer $%[1]s"}`, p.Options.APIKeyEnv)
}

func (a startProfile) script(p Plan) string {
	return p.postProfile(a.Server, "/start_profile", a.Stages)
}

func (a stopProfile) script(p Plan) string { return p.postProfile(a.Server, "/stop_profile", a.Stages) }

func (p Plan) postProfile(server, path string, stages []int) string {
	body := ""
	if b := stagesBody(stages); b != nil {
		body = "-H 'Content-Type: application/json' -d " + quote(string(b)) + " "
	}
	return p.curl() + " -X POST " + body + quote(server+path)
}

// stagesBody is the body of /start_profile and /stop_profile: nil for all
// stages, because plain vLLM's routes take none.
func stagesBody(stages []int) []byte {
	if len(stages) == 0 {
		return nil
	}
	return []byte(compact(map[string][]int{"stages": stages}))
}

func (a flushAction) script(Plan) string {
	dir, least := quote(a.Dir), max(1, len(a.Stages)*a.Ranks)*max(1, a.Round)
	return fmt.Sprintf(`until [ -z "$(find %[1]s -name '*.json.tmp' -o -name '*rank*.json')" ] &&
  traces=$(find %[1]s -name '*.json.gz') && [ "$(wc -w <<< "$traces")" -ge %[2]d ] && gzip -t $traces 2> /dev/null; do sleep 1; done`, dir, least)
}

func (a interruptAction) script(Plan) string {
	if a.UnderNsys {
		return fmt.Sprintf("kill -INT $(ss -Hltnp 'sport = :%d' | grep -oP 'pid=\\K\\d+' | sort -n | head -1)\nwait $server || true", a.Port)
	}
	return "kill -INT -- -$server\nwait $server || true"
}

func (exitAction) script(Plan) string { return "wait $server" }

func (a untilAction) script(Plan) string {
	return fmt.Sprintf("sleep $(( left = started + %d - SECONDS, left > 0 ? left : 0 ))", int(a.After.Seconds()))
}

func (a reportsAction) script(Plan) string {
	return fmt.Sprintf("ls -l %s", filepath.Join(quote(a.Dir), reportBase+".*.nsys-rep"))
}

func (a execAction) script(Plan) string {
	line := strings.Join(quoteAll(a.Argv), " ")
	if a.Optional {
		line += " || true"
	}
	return line
}

func quoteAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return out
}

// quote writes a word so that a shell reads it back unchanged.
func quote(word string) string {
	plain := word != "" && !slices.ContainsFunc([]rune(word), func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%", r)
	})
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
