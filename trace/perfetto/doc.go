// Package perfetto writes a trace in Perfetto's own format, a protobuf message
// Trace of packets (perfetto/trace/trace_packet.proto).
//
// Its one design decision: GPU work becomes GPU render stage events and nothing
// else, so that Perfetto's tables and pages about GPUs, which know no other
// events, work on it. Those events have no arrows; a kernel's submission_id is
// the correlation ID of its launch call, which is an argument of the call.
//
// The package analyses nothing. What is to be written is chosen before.
package perfetto
