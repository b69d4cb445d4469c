// Package perfetto writes traces in Perfetto's own format, a protobuf message
// Trace of packets (perfetto/trace/trace_packet.proto), deflated in bundles.
//
// Its one design decision: GPU work becomes GPU render stage events and nothing
// else, so that Perfetto's tables and pages about GPUs, which know no other
// events, work on it. Such an event has a number, and its launch call names the
// numbers of what it launched, from which Perfetto draws arrows since 2026;
// older versions show the numbers. A kernel's submission_id is the correlation ID
// of its launch call, which is an argument of the call in every version.
//
// The package analyses nothing. What is to be written is chosen before.
package perfetto
