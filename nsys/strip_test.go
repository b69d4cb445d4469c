package nsys

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"omnitrace/trace"
)

// secrets plants a word into every place of an export where nsys is known to
// put what it found on the machine, and into some that nobody thought of.
const secrets = `
	CREATE TABLE META_DATA_CAPTURE (name TEXT, value TEXT);
	INSERT INTO META_DATA_CAPTURE VALUES ('PROCESS_0:ENVIRONMENT_VARIABLE', 'TOKEN="hunter2"'), ('PROCESS_0:ARGUMENT_1', '--key=hunter2'),
		('PROCESS_0:WORKING_DIR', '/home/hunter2'), ('PROCESS_0:USER_NAME', 'hunter2'), ('DEVICE_DISPLAY_NAME', 'hunter2-host'),
		('PROCESS_0:CUDA_GRAPH_TRACE_OPTIONS:MODE', 'Node');
	INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_HOST', 'hunter2-host'), ('EXPORT_USER', 'hunter2'), ('EXPORT_PARAM_INPUT_PATH_ABS', '/home/hunter2/a.nsys-rep');
	CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT, name TEXT, nameEnum INTEGER, value TEXT);
	INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0, 'hunter2-host', 'DeviceEnvironment', 610, 'TOKEN=hunter2'), (0, 'hunter2-host', 'Hostname', 1, 'hunter2-host'),
		(0, 'hunter2-host', 'NvDriverVersion', 205, '580.95.05');
	INSERT INTO StringIds VALUES (100, 'hunter2 said the program'), (101, '/tmp/hunter2/stdout.log'), (102, '/home/hunter2/lib.so'), (103, 'hunter2_in_a_python_frame');
	CREATE TABLE ProcessStreams (globalPid INTEGER, filenameId INTEGER, contentId INTEGER);
	INSERT INTO ProcessStreams VALUES (16777216, 101, 100);
	CREATE TABLE ANALYSIS_FILE (id INTEGER, filename TEXT, content TEXT, globalPid INTEGER);
	INSERT INTO ANALYSIS_FILE VALUES (0, '/tmp/hunter2/stdout.log', 'hunter2 said the program', 16777216);
	CREATE TABLE OSRT_CALLCHAINS (id INTEGER, symbol INTEGER, module INTEGER);
	INSERT INTO OSRT_CALLCHAINS VALUES (1, 103, 102);
	INSERT INTO DIAGNOSTIC_EVENT VALUES (0, 'Process was launched by the profiler, see /tmp/hunter2/pid_1_stdout.log'), (0, 'CUPTI dropped 17 records. Some CUPTI events might be missing.');
	INSERT INTO PROCESSES VALUES (50331648, 3, 'hunter2-editor'), (67108864, 4, '/home/hunter2/server --key hunter2');
	INSERT INTO ThreadNames VALUES (103, 0, 50331649);
	CREATE TABLE NEW_IN_2031 (start INTEGER, note TEXT);
	INSERT INTO NEW_IN_2031 VALUES (1, 'hunter2');
	ALTER TABLE CUPTI_ACTIVITY_KIND_RUNTIME ADD COLUMN arguments TEXT;
	INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (1, 2, 0, 16777217, 5, 2, 'hunter2'), (3, 4, 0, 67108865, 6, 2, NULL);
	ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL ADD COLUMN note INTEGER;
	INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5, 6, 0, 1, 7, 5, 16777216, 1, NULL, 'hunter2, although INTEGER');
	INSERT INTO NVTX_EVENTS VALUES (1, 9, 59, 'diffusion_forward', 16777217, NULL, NULL, 0), (2, 3, 59, NULL, 16777217, NULL, 3, 0);
	DELETE FROM StringIds WHERE id = 99;`

// Rule: nothing that nsys found on the machine is in the bytes of the copy, and
// all events are, with the facts that explain them.
func TestStrip(t *testing.T) {
	path := makeExport(t, small+secrets)
	out := filepath.Join(t.TempDir(), "out.sqlite")
	left, err := Strip(context.Background(), path, out)
	if err != nil {
		t.Fatal(err)
	}
	sameRowsLeft(t, path, out, left)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if at := bytes.Index(data, []byte("hunter2")); at >= 0 {
		t.Errorf("still there: %q", data[max(0, at-40):min(len(data), at+40)])
	}
	sameEvents(t, path, out)
	tr := read(t, out)
	if tr.Health.Count(trace.DroppedByProfiler) != 17 || tr.Meta["cuda_graph_trace"] != "node" || tr.Meta["nsys_version"] != "2025.3.2.0" {
		t.Errorf("facts are lost: %v %v", tr.Health, tr.Meta)
	}
	var names []string
	for _, p := range tr.Processes {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	wantLines(t, names, "VLLM::StageEngi", "server")
	if _, err := os.Stat(out + ".tmp"); err == nil {
		t.Error("the temporary file is still there")
	}
}

// sameRowsLeft holds what Strip says it left out against the rows of both files.
func sameRowsLeft(t *testing.T, in, out string, left []LeftOut) {
	t.Helper()
	a, b := openSQL(t, in), openSQL(t, out)
	said := map[string]bool{}
	for _, l := range left {
		missing := 0
		for _, table := range l.Tables {
			said[table] = true
			missing += len(rows(t, a, "SELECT 1 FROM "+table)) - len(rows(t, b, "SELECT 1 FROM "+table))
		}
		if int64(missing) != l.Rows || l.What == "" {
			t.Errorf("%q: %d rows left out, the files say %d", l.What, l.Rows, missing)
		}
	}
	for _, table := range rows(t, a, "SELECT name FROM sqlite_master WHERE type = 'table'") {
		if !said[table] && len(rows(t, a, "SELECT 1 FROM "+table)) != len(rows(t, b, "SELECT 1 FROM "+table)) {
			t.Errorf("rows of %s are missing and nothing says so", table)
		}
	}
}

// sameEvents compares two exports event by event. Names of processes may differ.
func sameEvents(t *testing.T, a, b string) {
	t.Helper()
	key := func(tr *trace.Trace) []string {
		for i := range tr.Processes {
			tr.Processes[i].Name = ""
		}
		var all []string
		for _, e := range tr.Events {
			all = append(all, e.Kind.String()+describe(tr, e))
		}
		return all
	}
	if got, want := key(read(t, b)), key(read(t, a)); !slices.Equal(got, want) || len(got) == 0 {
		t.Errorf("%d events in the copy, %d in the original: %s", len(got), len(want), firstDifference(got, want))
	}
}

// Rule: of every real export, nothing that its tables of the machine hold is in
// the copy, and the copy has the same events.
func TestStripRealExports(t *testing.T) {
	for _, path := range exports(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.sqlite")
			if _, err := Strip(context.Background(), path, out); err != nil {
				t.Fatal(err)
			}
			sameEvents(t, path, out)
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			conn := openSQL(t, path)
			var words []string
			for _, sql := range []string{
				`SELECT value FROM META_DATA_CAPTURE WHERE name GLOB '*ENVIRONMENT*' OR name GLOB '*:ARGUMENT*' OR name GLOB '*:WORKING_DIR' OR name = 'DEVICE_DISPLAY_NAME'`,
				`SELECT value FROM TARGET_INFO_SYSTEM_ENV WHERE name IN ('DeviceEnvironment', 'Hostname', 'NicInfo')`,
				`SELECT value FROM META_DATA_EXPORT WHERE name IN ('EXPORT_HOST', 'EXPORT_USER', 'EXPORT_PARAM_INPUT_PATH_ABS')`,
				`SELECT value FROM EXPORT_META_DATA WHERE name IN ('EXPORT_HOST', 'EXPORT_USER')`,
				`SELECT value FROM ProcessStreams JOIN StringIds ON id IN (filenameId, contentId)`,
				`SELECT DISTINCT value FROM SAMPLING_CALLCHAINS s JOIN StringIds i ON i.id = s.module WHERE value LIKE '/%'`,
			} {
				words = append(words, rows(t, conn, sql)...)
			}
			for _, word := range words {
				if len(word) > 5 && bytes.Contains(data, []byte(word[:min(len(word), 200)])) {
					t.Errorf("still there: %.80q", word)
				}
			}
		})
	}
}

// Rule: stripping a copy changes nothing more.
func TestStripTwice(t *testing.T) {
	once, twice := filepath.Join(t.TempDir(), "1.sqlite"), filepath.Join(t.TempDir(), "2.sqlite")
	if _, err := Strip(context.Background(), makeExport(t, small+secrets), once); err != nil {
		t.Fatal(err)
	}
	if _, err := Strip(context.Background(), once, twice); err != nil {
		t.Fatal(err)
	}
	a, errA := os.ReadFile(once)
	b, errB := os.ReadFile(twice)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("copies differ (%d and %d bytes; %v %v)", len(a), len(b), errA, errB)
	}
}

// Rule: where stripping fails, nothing is left behind and what was there stays.
func TestStripFails(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.sqlite")
	if err := os.WriteFile(out, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := testdata(t, "node.sqlite.gz")
	cut := filepath.Join(t.TempDir(), "cut.sqlite")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		what     string
		ctx      context.Context
		in, out  string
		mentions string
	}{
		{"cut", context.Background(), cut, out, "cut off"},
		{"cancelled", ctx, export(t, "node"), out, ""},
		{"no folder", context.Background(), export(t, "node"), filepath.Join(dir, "none", "out.sqlite"), "none"},
	} {
		_, err := Strip(c.ctx, c.in, c.out)
		wantError(t, c.what, err, c.mentions)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "before" {
		t.Errorf("what was there is gone: %q %v", data, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

// private matches what must not be in testdata: assignments of environment
// variables, paths of homes and temporary files, keys of nsys's host facts.
var private = regexp.MustCompile(`[A-Z][A-Z_]{3,}=|/(?:home|root|tmp|Users)/|\.log\b|EXPORT_HOST|EXPORT_USER|ENVIRONMENT_VARIABLE|DEVICE_DISPLAY_NAME|Hostname`)

// Rule: the captures of testdata can be shown to anybody.
func TestTestdataIsStripped(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".cu") || strings.HasSuffix(file, ".md") {
			continue
		}
		data := testdata(t, filepath.Base(file))
		if at := private.FindIndex(data); at != nil {
			t.Errorf("%s: %q", file, data[max(0, at[0]-20):min(len(data), at[1]+40)])
		}
	}
}
