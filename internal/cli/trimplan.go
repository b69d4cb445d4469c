package cli

import (
	"fmt"
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
	origin  trace.Time
	overlap func(*chrome.Row) int
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
		if src.Format != string(session.Chrome) {
			return nil, fmt.Errorf("%s: a part of a file of format %s can't be copied yet; export it to a Chrome trace first", src.Path, src.Format)
		}
		i := slices.IndexFunc(jobs, func(j trimJob) bool { return j.path == src.Path })
		if i < 0 {
			i = len(jobs)
			jobs = append(jobs, trimJob{path: src.Path, origin: chrome.Origin(src.Trace.Header), overlap: lanesOf(s.Overlaps(p.Source))})
		}
		jobs[i].parts = append(jobs[i].parts, p)
	}
	return jobs, nil
}

// wholeFiles reports whether the flags choose files and no parts of them.
func (o *trimOptions) wholeFiles() bool {
	s := &o.selectOptions
	return len(s.devices)+len(s.requests)+len(s.steps)+len(s.iterations)+len(s.phases)+len(s.ranges) == 0 &&
		s.time == "" && o.kernel == "" && o.context == ""
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
