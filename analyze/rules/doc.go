// Package rules is what omnitrace knows about vLLM, vLLM-Omni and the names of
// kernels: which category a kernel belongs to, which stages a model has, which
// python frames and ranges bound a request, a phase, a denoise step or a
// scheduler iteration.
//
// Its one design decision: that knowledge is data. It lives in the YAML files
// of the data folder, ordered tables in which the first match wins, and a user's own
// file has the same form and goes in front ([Load]). A new model or engine
// version is a few lines there and a test trace, not code. The code here only
// decides whether a name matches, which it does once for each distinct name.
//
// The package reads names and nothing else: it opens no trace, knows no times
// and counts nothing. That a frame is nested in another of the same role, or
// that a lone profiler step spans a whole file, is for package analyze to see.
package rules
