package capture

import "regexp"

// A hint is what to try when a line of the server's log matches. The first one
// that does is shown.
type hint struct {
	line *regexp.Regexp
	try  string
}

var hints = []hint{
	{regexp.MustCompile(`(?i)address already in use`), "another server has the port: give this one another --port"},
	{regexp.MustCompile(`unrecognized arguments?:.*--profiler-config`), "this version has no --profiler-config: say --via env"},
	{regexp.MustCompile(`unrecognized arguments?:.*--stage-overrides`), "this version has no --stage-overrides: say --via flag"},
	{regexp.MustCompile(`(?i)(extra inputs are not permitted|unexpected keyword argument '(torch_profiler|capture_|detailed_))`), "this version does not know a field of the profiler configuration: drop it"},
	{regexp.MustCompile(`(?i)(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS|CUPTI.*(already|in use))`), "another profiler holds CUPTI: stop nsys, ncu or dcgm, and see omnitrace doctor"},
	{regexp.MustCompile(`(?i)(cuda out of memory|OutOfMemoryError|free memory on device .* is less than)`), "the GPU is full: see nvidia-smi for who uses it, or lower --gpu-memory-utilization"},
	{regexp.MustCompile(`(?i)no space left on device`), "the disk is full: the profiler also needs room for the raw JSON in TMPDIR"},
	{regexp.MustCompile(`Python replay stack is empty`), `a known fault of python stacks: try the configuration field torch_profiler_with_stack=false`},
	{regexp.MustCompile(`ModuleNotFoundError|ImportError`), "a Python module is missing: run the command by hand, with the environment that --dry-run prints"},
}

func logHint(log string) string {
	for _, h := range hints {
		if h.line.MatchString(log) {
			return h.try
		}
	}
	return ""
}
