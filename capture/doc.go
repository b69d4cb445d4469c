// Package capture drives a real GPU profiling run from the first process to a
// complete, described session: it starts the server or the script under the
// right profiler, waits until it is ready, sends the requests between
// /start_profile and /stop_profile, waits until every trace is whole on disk,
// stops what it started and writes run.json.
//
// Its one design decision: a run is a [Plan], a list of steps that is plain
// data. [NewPlan] is a pure function from what is wanted ([Options]) and what
// is installed ([Engine]) to that list; [Plan.Script] prints it as a shell
// script and [Run] executes it. What --dry-run shows is what a run does.
//
// Success is judged by the files and never by an HTTP reply: vLLM-Omni answers
// SUCCESS for a stage that failed or does not exist, answers before gzip has
// ended, or does not answer at all although the trace is written.
//
// The package never reads what is inside a trace, never runs the torch
// profiler under nsys, never talks to another machine unless told to, and
// leaves no process behind, whatever ends the run. Its neighbours: the command
// line fills Options and prints progress; trace/session reads run.json and
// owns the rule for a complete file; tables come from the packages behind the
// callbacks in [Host].
package capture
