package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omnitrace/analyze"
	"omnitrace/trace"
	"omnitrace/trace/chrome"
	"omnitrace/trace/perfetto"
	"omnitrace/trace/session"
)

// A trimJob is one file to copy a part of.
type trimJob struct {
	path    string
	source  *analyze.Source // nil for a Chrome trace
	origin  trace.Time
	rows    func(context.Context, *progress) (io.ReadCloser, error)
	overlap []func(*chrome.Row) int // of each part
	id      func(int64) int64       // see [trim.Filter]
	parts   []analyze.Excerpt
	out     string
}

// plan returns a job for each file of the session that has any of the work.
func (o *trimOptions) plan(s *analyze.Session) ([]trimJob, error) {
	var parts []analyze.Excerpt
	if o.wholeFiles() {
		parts = s.WholeExcerpts(len(o.stages)+len(o.replicas)+len(o.ranks) == 0)
	} else {
		parts = s.Excerpts(o.around)
	}
	var jobs []trimJob
	for _, p := range parts {
		src := s.Sources[p.Source]
		i := slices.IndexFunc(jobs, func(j trimJob) bool { return j.path == src.Path })
		if i < 0 {
			i = len(jobs)
			jobs = append(jobs, newTrimJob(src))
		}
		jobs[i].parts = append(jobs[i].parts, p)
		jobs[i].overlap = append(jobs[i].overlap, lanesOf(s.Overlaps(p.Source)))
	}
	return jobs, nil
}

// wholeFiles reports whether the flags choose files and no parts of them.
func (o *trimOptions) wholeFiles() bool {
	return !o.parts() && o.kernel == "" && o.context == ""
}

func newTrimJob(src *analyze.Source) trimJob {
	j := trimJob{path: src.Path}
	if src.Format != string(session.Chrome) {
		j.source = src
		return j
	}
	j.origin = chrome.Origin(src.Trace.Header)
	path := src.Path // without the source, which need not be held while it is copied
	j.rows = func(ctx context.Context, bar *progress) (io.ReadCloser, error) { return openRows(ctx, path, bar) }
	return j
}

// lane puts what overlaps other rows of its lane beside it.
func (j *trimJob) lane(r *chrome.Row) int {
	for _, of := range j.overlap {
		if n := of(r); n > 0 {
			return n
		}
	}
	return 0
}

// name gives each job its output file: OUT, or a file below it that keeps the
// name of its folder, which says what stage it is of.
func (o *trimOptions) name(jobs []trimJob, dirs []string) error {
	info, err := os.Stat(o.output)
	folder := strings.HasSuffix(o.output, "/") || err == nil && info.IsDir()
	if !folder && len(jobs) > 1 {
		return usagef("the flags choose work in %d files: name a folder (-o %s/), or choose with --stage or --rank", len(jobs), trimSuffixes(o.output))
	}
	if !folder {
		jobs[0].out = o.output
	} else {
		root := commonDir(dirs)
		for i := range jobs {
			rel, err := filepath.Rel(root, jobs[i].path)
			if err != nil {
				return err
			}
			if jobs[i].source != nil {
				rel = strings.TrimSuffix(rel, filepath.Ext(rel)) + nsysTraceSuffix
			}
			jobs[i].out = filepath.Join(o.output, rel)
		}
	}
	for _, job := range jobs {
		if _, ok := traceSuffix(job.out); !ok {
			return usagef("-o %s: want a name that ends in %s", job.out, strings.Join(traceSuffixes, ", "))
		}
		if in, err := os.Stat(job.path); err == nil {
			if out, err := os.Stat(job.out); err == nil && os.SameFile(in, out) {
				return usagef("-o %s: that is the input", job.out)
			}
		}
	}
	return nil
}

// commonDir returns the folder above all of dirs, and above the only one.
func commonDir(dirs []string) string {
	common := filepath.Dir(dirs[0])
	for _, d := range dirs {
		for common != "." && common != string(filepath.Separator) && !strings.HasPrefix(d, common+string(filepath.Separator)) {
			common = filepath.Dir(common)
		}
	}
	return common
}

var traceSuffixes = []string{".json", ".json.gz", ".json.zst", perfetto.Suffix}

func traceSuffix(path string) (string, bool) {
	for _, s := range traceSuffixes {
		if strings.HasSuffix(path, s) {
			return s, true
		}
	}
	return "", false
}

func trimSuffixes(path string) string {
	s, _ := traceSuffix(path)
	return strings.TrimSuffix(path, s)
}
