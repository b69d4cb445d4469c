package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"omnitrace/analyze"
)

// repository is the module's root, seen from this package.
const repository = "../.."

// The console examples of the README run, and their outputs are what the
// program prints. A command without an output only has to succeed. With -update
// the outputs are written.
func TestREADME(t *testing.T) {
	skipLarge(t)
	path, err := filepath.Abs(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(repository)
	now, ran := runExamples(t, string(old))
	if ran == 0 {
		t.Fatal("the README has no console example")
	}
	switch {
	case now == string(old):
	case *update:
		if err := os.WriteFile(path, []byte(now), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md shows other outputs than the program prints; look at the change that\n"+
			"go test ./internal/cli -update makes. First difference:\n%s", firstDifference(string(old), now))
	}
}

// skipLarge keeps the 58 MB trace out of runs under the race detector, which
// takes a minute for it and finds nothing in it that a small one hasn't.
func skipLarge(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("reads the large trace of testdata; left out with -short")
	}
}

// The README has a line for every table.
func TestREADMETables(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range analyze.All() {
		if !strings.Contains(string(text), "\n| `"+a.Name+"` |") {
			t.Errorf("README.md does not list the table %s (%s)", a.Name, a.Doc)
		}
	}
}

// Every example of every help text runs. The paths in them are those of
// [exampleInputs], the programs those of [examplePrograms]; captures are planned
// and not made.
func TestHelpExamples(t *testing.T) {
	dir := exampleInputs(t)
	t.Setenv("PATH", examplePrograms(t)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Chdir(dir)
	ran := 0
	eachCommand(newRoot(streams{}), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			command := strings.TrimSpace(line)
			if command == "" {
				continue
			}
			ran++
			command = strings.Replace(command, "omnitrace capture ", "omnitrace capture --dry-run ", 1)
			if _, err := runExample(command); err != nil {
				t.Errorf("%s: %v", cmd.CommandPath(), err)
			}
		}
	})
	if ran == 0 {
		t.Error("no command has an example")
	}
}

// exampleInputs makes a folder with what the examples in help texts name.
func exampleInputs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	session := filepath.Join(repository, "testdata", "omni_session")
	if err := os.CopyFS(filepath.Join(dir, "profiles"), os.DirFS(session)); err != nil {
		t.Fatal(err)
	}
	traces, err := filepath.Glob(filepath.Join(dir, "profiles", "*_stage1_*", "trace_rank0.json.gz"))
	if err != nil || len(traces) != 1 {
		t.Fatalf("want one trace of stage 1, found %q", traces)
	}
	if err := os.Link(traces[0], filepath.Join(dir, "trace_rank0.json.gz")); err != nil {
		t.Fatal(err)
	}
	export, err := readGzip(filepath.Join(repository, "nsys", "testdata", "qwenimage.sqlite.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "report1.sqlite"), export, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// examplePrograms makes a folder with the programs that captures drive, which
// answer what they are asked before a run: their version, their options.
func examplePrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, answer := range map[string]string{
		"vllm":   "--profiler-config",
		"python": "--profiler-config",
		"nsys":   "NVIDIA Nsight Systems version 2025.3.1.90",
	} {
		script := "#!/bin/sh\necho '" + answer + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, do)
	}
}

// runExamples runs the commands of all console blocks of a Markdown text and
// returns it with their outputs in the place of those that stood there.
func runExamples(t *testing.T, text string) (now string, ran int) {
	t.Helper()
	var out strings.Builder
	var shown bool // whether the text shows the last command's output
	inside := false
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		switch {
		case !inside:
			inside = strings.TrimSpace(line) == "```console"
			shown = false
		case strings.HasPrefix(line, "```"):
			inside = false
		case !isCommand:
			if shown {
				continue // the old output
			}
		}
		out.WriteString(line)
		if !inside || !isCommand {
			continue
		}
		ran++
		printed, err := runExample(command)
		if err != nil {
			t.Errorf("README.md:%d: %v", i+1, err)
		}
		if shown = showsOutput(lines[i+1:]); shown {
			out.WriteString(printed)
		}
	}
	return out.String(), ran
}

// showsOutput reports whether what follows a command is its output.
func showsOutput(following []string) bool {
	return len(following) > 0 && !strings.HasPrefix(following[0], "$ ") && !strings.HasPrefix(following[0], "```")
}

var shellWord = regexp.MustCompile(`'[^']*'|[^\s']+`)

// runExample runs a command line as a shell would that knows single quotes
// around whole words and nothing else, and returns what it printed to stdout.
func runExample(line string) (string, error) {
	var args []string
	for _, word := range shellWord.FindAllString(strings.TrimPrefix(line, "go run ./cmd/"), -1) {
		args = append(args, strings.Trim(word, "'"))
	}
	if args[0] != "omnitrace" {
		return "", fmt.Errorf("%q is no omnitrace command", line)
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args[1:], streams{strings.NewReader(""), &stdout, &stderr})
	if code != exitOK {
		return "", fmt.Errorf("%q: exit code %d: %s", line, code, stderr.String())
	}
	if stdout.Len() == 0 && !strings.Contains(line, " -o ") && !strings.Contains(line, " --strip ") {
		return "", fmt.Errorf("%q printed nothing", line)
	}
	return stdout.String(), nil
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n  README  %s\n  program %s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d lines, the program makes %d", len(as), len(bs))
}
