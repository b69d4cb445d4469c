package nsys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omnitrace/trace"
)

// The test binary plays nsys where this variable says how: what the test gives
// as the path of nsys is the binary itself.
const playNsys = "OMNITRACE_TEST_NSYS"

func TestMain(m *testing.M) {
	if role := os.Getenv(playNsys); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

// play does what `nsys export` does, or fails to. It is called as
// nsys export --type=sqlite --force-overwrite=true --output=OUT REPORT.
func play(role string) int {
	out := strings.TrimPrefix(os.Args[4], "--output=")
	counted, err := os.OpenFile(os.Getenv(playNsys+"_CALLS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(counted, strings.Join(os.Args[1:], " "))
		counted.Close()
	}
	switch role {
	case "exports":
		for _, percent := range []int{1, 47, 100} {
			fmt.Printf("Processing 3888 events: [%s%d%%   ]", strings.Repeat("=", percent/2), percent)
			time.Sleep(time.Millisecond) // so that they are written apart
		}
		data, err := os.ReadFile(os.Getenv(playNsys + "_EXPORT"))
		if err == nil {
			err = os.WriteFile(out, data, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case "refuses":
		_ = os.WriteFile(out, []byte("half"), 0o600)
		fmt.Println("Processing 1 events: [=  1%]\nExportation error: Section Table Reference magic number mismatch.")
		return 1
	case "does nothing":
		fmt.Println("Nothing to do.")
		return 0
	case "hangs":
		signal.Ignore(os.Interrupt)
		_ = os.WriteFile(out, []byte("half"), 0o600)
		time.Sleep(time.Minute)
	case "stops":
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt)
		_ = os.WriteFile(out, []byte("half"), 0o600)
		<-c
		_ = os.Remove(out)
		return 130
	}
	return 2
}

// fakeNsys prepares a fake nsys and a report, and returns the options to use it
// and the file that counts its calls.
func fakeNsys(t *testing.T, role string) (report string, o ExportOptions, calls string) {
	t.Helper()
	dir := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report, calls = filepath.Join(dir, "report.1.nsys-rep"), filepath.Join(dir, "calls")
	if err := os.WriteFile(report, []byte(reportMagic+" 363"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(playNsys, role)
	t.Setenv(playNsys+"_CALLS", calls)
	t.Setenv(playNsys+"_EXPORT", export(t, "node"))
	return report, ExportOptions{Nsys: binary, Cache: filepath.Join(dir, "cache")}, calls
}

func countLines(path string) int {
	data, _ := os.ReadFile(path)
	return strings.Count(string(data), "\n")
}

// Rule: a report is exported once for its content, wherever it lies, with
// progress; a changed one is exported again.
func TestExportIsCached(t *testing.T) {
	report, o, calls := fakeNsys(t, "exports")
	var seen []int
	o.Progress = func(percent int) { seen = append(seen, percent) }
	for range 2 {
		r, err := OpenReport(context.Background(), report, trace.Want{Kinds: trace.KindsOf(trace.Kernel)}, o)
		if err != nil {
			t.Fatal(err)
		}
		if tr, err := trace.Read(r); err != nil || len(tr.Events) != 50 {
			t.Fatalf("%d kernels, %v", len(tr.Events), err)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy.nsys-rep")
	if err := os.Link(report, copied); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(context.Background(), copied, o); err != nil || countLines(calls) != 1 {
		t.Errorf("nsys ran %d times for one content, %v", countLines(calls), err)
	}
	if len(seen) == 0 || seen[len(seen)-1] != 100 {
		t.Errorf("progress %v does not end at 100", seen)
	}
	if err := os.WriteFile(report, []byte(reportMagic+" 364"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(context.Background(), report, o); err != nil || countLines(calls) != 2 {
		t.Errorf("nsys ran %d times for two contents, %v", countLines(calls), err)
	}
	onlyExports(t, o.Cache, 2)
}

// onlyExports checks that a cache holds n whole exports and nothing else.
func onlyExports(t *testing.T, cache string, n int) {
	t.Helper()
	files, _ := os.ReadDir(cache)
	for _, f := range files {
		if strings.Contains(f.Name(), "tmp") {
			t.Errorf("left behind: %s", f.Name())
		}
	}
	if len(files) != n {
		t.Errorf("%d files in the cache, want %d", len(files), n)
	}
}

// Rule: what nsys refuses is an error with its own last words, and leaves no
// half export.
func TestExportRefused(t *testing.T) {
	report, o, _ := fakeNsys(t, "refuses")
	_, err := Export(context.Background(), report, o)
	wantError(t, "refused", err, "refused", "magic number mismatch", "at least as new")
	onlyExports(t, o.Cache, 0)
	report, o, _ = fakeNsys(t, "does nothing")
	_, err = Export(context.Background(), report, o)
	wantError(t, "nothing exported", err, "refused", "Nothing to do.")
}

// Rule: without nsys the error says which command to run elsewhere.
func TestNoNsys(t *testing.T) {
	report, o, _ := fakeNsys(t, "exports")
	t.Setenv("PATH", t.TempDir())
	o.Nsys = ""
	_, err := Export(context.Background(), report, o)
	wantError(t, "no nsys", err, "not in PATH", "nsys export --type sqlite -o "+strings.TrimSuffix(report, ".nsys-rep")+".sqlite "+report)
	o.Nsys = filepath.Join(t.TempDir(), "nsys")
	_, err = Export(context.Background(), report, o)
	wantError(t, "no nsys there", err, "no nsys at "+o.Nsys)
	empty := filepath.Join(t.TempDir(), "empty.nsys-rep")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Export(context.Background(), empty, o)
	wantError(t, "empty report", err, "empty", "stopped before")
}

// Rule: cancelling interrupts nsys, which may clean up.
func TestExportCancelled(t *testing.T) {
	report, o, calls := fakeNsys(t, "stops")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for countLines(calls) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // until the fake listens
		cancel()
	}()
	began := time.Now()
	_, err := Export(ctx, report, o)
	if !errors.Is(err, context.Canceled) || time.Since(began) > exportGrace/2 {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
	onlyExports(t, o.Cache, 0)
}

// Rule: an nsys that does not listen is killed after a grace.
func TestExportKilled(t *testing.T) {
	report, o, calls := fakeNsys(t, "hangs")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for countLines(calls) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if err := os.MkdirAll(o.Cache, 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err := runExport(ctx, o.Nsys, report, filepath.Join(o.Cache, "x.sqlite"), nil, 50*time.Millisecond)
	if !errors.Is(err, context.Canceled) || time.Since(began) > 10*time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
	onlyExports(t, o.Cache, 0)
}
