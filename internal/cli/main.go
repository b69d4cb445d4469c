package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // an input is missing or can't be read, or verify found something wrong
	exitUsage       = 2   // a wrong flag or argument
	exitRegressed   = 3   // a gate of diff found a regression
	exitAbstained   = 4   // no gate of diff could be decided
	exitInterrupted = 130 // Ctrl-C
)

// streams are the command's own standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs the command line and returns its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, streams{in, out, errOut})
}

func run(ctx context.Context, args []string, std streams) int {
	root := newRoot(std)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	switch {
	case err == nil || errors.Is(err, errSilent):
	case code == exitInterrupted:
		fmt.Fprintln(std.err, "omnitrace: interrupted")
	default:
		fmt.Fprintf(std.err, "omnitrace: %v\n", err)
	}
	if code == exitUsage {
		fmt.Fprintln(std.err, "run 'omnitrace help' for usage")
	}
	return code
}

// errSilent is returned by commands whose output has said it all.
var errSilent = errors.New("failed")

// A usageError is a mistake in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// An interruptedError ends a command that was interrupted and cleaned up.
type interruptedError struct{ error }

func (e interruptedError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var interrupted interruptedError
	var gate gateError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil, errors.As(err, &interrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &gate):
		return gate.code
	}
	return exitFailed
}

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "omnitrace",
		Short: "Where the GPU time of a vLLM-Omni profile went",
		Long: `omnitrace reads the traces that the profilers of vLLM-Omni write and says
which stage, category and kernel the GPU time went to, exactly.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("unknown command %q", args[0])
		}
		return nil
	}
	root.AddCommand(newSummarize(std), newDiff(std), newExport(std), newTrim(std), newMerge(std), newView(std), newVerify(std), newCapture(std), newDoctor(std))
	return root
}
