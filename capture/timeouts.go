package capture

import (
	"fmt"
	"strings"
	"time"
)

// Timeouts bound every wait of a run. Where a wait can show progress (Stop and
// Flush, by the files that grow) the time counts from the last progress.
type Timeouts struct {
	Total   time.Duration // the whole run; 0 for no limit
	Ready   time.Duration // from start to /health: stages start one after another
	Start   time.Duration // /start_profile
	Request time.Duration // one request
	Stop    time.Duration // /stop_profile, without progress
	Flush   time.Duration // traces whole on disk, without progress
	Script  time.Duration // an offline script, as a whole
	Report  time.Duration // nsys writes its reports after the server's end
	Tool    time.Duration // nsys export, nsys stats, one probe of the installation
	Cleanup time.Duration // stopping the profiler and the flush after an error
	Exit    time.Duration // after an interrupt
	Term    time.Duration // after a termination signal
	Kill    time.Duration // after a kill
	Settle  time.Duration // how long files must rest before they count as finished
	Poll    time.Duration // how often to look
}

// DefaultTimeouts come from real runs of vLLM-Omni 0.26.0: three tiny stages
// need 185 s to be ready, a second server on the same GPU waits in silence for
// the first, a stop takes 0.1 to 0.2 s per MB of raw JSON, and the orchestrator
// joins its children for up to 30 s.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Ready: 20 * time.Minute, Start: 2 * time.Minute, Request: 15 * time.Minute, Stop: 10 * time.Minute,
		Flush: 2 * time.Minute, Script: 2 * time.Hour, Report: 10 * time.Minute, Tool: 15 * time.Minute,
		Cleanup: time.Minute, Exit: 45 * time.Second, Term: 10 * time.Second, Kill: 5 * time.Second,
		Settle: time.Second, Poll: 250 * time.Millisecond,
	}
}

// named lists the durations by the name that --timeout takes.
func (t *Timeouts) named() map[string]*time.Duration {
	return map[string]*time.Duration{
		"total": &t.Total, "ready": &t.Ready, "start": &t.Start, "request": &t.Request, "stop": &t.Stop,
		"flush": &t.Flush, "script": &t.Script, "report": &t.Report, "tool": &t.Tool, "cleanup": &t.Cleanup, "exit": &t.Exit,
		"term": &t.Term, "kill": &t.Kill, "settle": &t.Settle, "poll": &t.Poll,
	}
}

// Set changes t by "30m" (the whole run) or "ready=20m,stop=1h".
func (t *Timeouts) Set(spec string) error {
	names := t.named()
	for part := range strings.SplitSeq(spec, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			name, value = "total", part
		}
		field := names[name]
		if field == nil {
			return failure(Usage, "", "no timeout is called %q: %s", name, strings.Join(sortedKeys(names), ", "))
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return failure(Usage, "", "timeout %s: %q is not a duration such as 90s or 20m", name, value)
		}
		*field = d
	}
	return nil
}

func (t Timeouts) validate() error {
	names := t.named()
	for _, name := range sortedKeys(names) {
		if d := *names[name]; d < 0 || d == 0 && name != "total" {
			return fmt.Errorf("timeout %s must be positive, not %v", name, d)
		}
	}
	return nil
}
