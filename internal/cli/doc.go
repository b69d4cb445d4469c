// Package cli is the command line: flags, opening inputs, progress, exit codes.
//
// Its one design decision: a command is a function of arguments and streams
// ([Main]), with one options struct that a pure function validates before
// anything is opened, so that whole commands are tested in-process. stdout
// carries data only; progress and messages go to stderr.
//
// It does no arithmetic on times and knows no model. It is the only package
// that knows all others.
package cli
