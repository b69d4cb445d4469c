// Package oracle is a second reading of Chrome traces, against which tests
// hold the program's own: slow, obvious, and independent.
//
// Its one design decision: it shares no line with the program. Text is parsed
// by encoding/json, times are exact decimal fractions of math/big, gzip is the
// standard library's, and each figure is computed by the most direct way that
// its definition allows. It repairs nothing: a file that is not valid JSON is
// an error.
//
// The definitions are those of the summary tables: kernel_ns, gpu_ns, busy_ns,
// span_ns, launches. It is for tests only and no other package imports it.
package oracle
