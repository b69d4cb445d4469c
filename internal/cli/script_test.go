package cli

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the outputs that the README shows instead of comparing with them")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"omnitrace": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// The scripts check the command as its users see it: a process with streams,
// an exit code and files. They look for facts and not for whole tables, so that
// a new table breaks none of them. What each file of $TESTDATA holds is
// written in the README there.
func TestScript(t *testing.T) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TESTDATA", filepath.Join(root, "testdata"))
			env.Setenv("NSYSDATA", filepath.Join(root, "nsys", "testdata"))
			// A PATH with this command and nothing else.
			only, _, _ := strings.Cut(env.Getenv("PATH"), string(os.PathListSeparator))
			env.Setenv("ONLYPATH", only)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  scriptExits,
			"fact":   scriptFact,
			"sum":    scriptSum,
			"csv":    scriptCSV,
			"equal":  scriptEqual,
			"same":   scriptSame,
			"trace":  scriptTrace,
			"gunzip": scriptGunzip,
			"cut":    scriptCut,
			"signal": scriptSignal,
		},
	})
}

// exits CODE COMMAND… runs a command and requires an exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "exits CODE COMMAND…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, err := 0, ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// trace NAME copies the only trace of $TESTDATA/omni_session's stage 1, the
// smallest there is, to NAME.
func scriptTrace(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "trace NAME")
	found, err := filepath.Glob(filepath.Join(ts.Getenv("TESTDATA"), "omni_session", "*_stage1_*", "*.json.gz"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("want one trace, found %q", found)
	}
	b, err := os.ReadFile(found[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// gunzip FILE.gz writes FILE.
func scriptGunzip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1 || !strings.HasSuffix(args[0], ".gz"), "gunzip FILE.gz")
	plain, err := readGzip(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(strings.TrimSuffix(args[0], ".gz")), plain, 0o666))
}

// cut FILE N leaves the first N bytes of a file.
func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "cut FILE N")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func usage(ts *testscript.TestScript, wrong bool, form string) {
	if wrong {
		ts.Fatalf("usage: %s", form)
	}
}

func readGzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	_, err = plain.ReadFrom(z)
	return plain.Bytes(), err
}
