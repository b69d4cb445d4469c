package cli

import (
	"io"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
	"omnitrace/analyze/rules"
	"omnitrace/report"
	"omnitrace/trace"
)

type verifyOptions struct {
	inputOptions
	outputOptions
	strip string
}

func newVerify(std streams) *cobra.Command {
	o := &verifyOptions{}
	cmd := &cobra.Command{
		Use:   "verify PATH…",
		Short: "What is in these files, and what is wrong with them",
		Long: `verify reads every file of every session to its end and lists what it is and
each defect found, with the place of the first. It exits with 1 if anything is
missing or had to be repaired.

--strip OUT.sqlite makes instead a copy of an nsys report or export that can be
shown to others. nsys stores more than it shows: environment variables, what the
program printed, command lines, paths, host and user names, all processes of the
machine. The copy has the same events without them; what was left out, and what
stays, is said. For several files OUT is a folder.`,
		Example: `  omnitrace verify profiles/
  omnitrace verify profiles/ --format json
  omnitrace verify report1.sqlite --strip share.sqlite`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.all = o.session == ""
			if err := o.inputOptions.validate(args); err != nil {
				return err
			}
			if cmd.Flags().Changed("strip") {
				return o.stripped(cmd, std)
			}
			if o.format == report.CSV.Name && len(o.tables) == 0 {
				o.tables = []string{analyze.Defects.Name}
			}
			if err := o.outputOptions.validate([]analyze.Analysis{analyze.Defects}); err != nil {
				return err
			}
			if o.chosen.Single {
				o.single = o.chosen.Name
			}
			return o.run(cmd, std)
		},
	}
	o.inputOptions.flags(cmd)
	o.outputOptions.flags(cmd)
	cmd.Flags().StringVar(&o.strip, "strip", "", "make a copy of an nsys report or export that can be shared, as this `file`")
	cmd.Flags().Lookup("all").Hidden = true
	return cmd
}

func (o *verifyOptions) run(cmd *cobra.Command, std streams) error {
	want := func(*rules.Rules) trace.Want { return trace.Want{Kinds: trace.GPUKinds | trace.KindsOf(trace.Launch)} }
	wrong := false
	err := o.write(std, func(w io.Writer) error {
		return o.sessions(cmd.Context(), std, want, func(s *analyze.Session) error {
			wrong = wrong || !s.Healthy()
			return o.report(w, s.Summarize([]analyze.Analysis{analyze.Defects}))
		})
	})
	if err == nil && wrong {
		return errSilent
	}
	return err
}
