package capture

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	logTailLines = 15
	logTailBytes = 32 << 10
)

// tailLines returns the last lines of a file, oldest first, with carriage
// returns of progress bars resolved to what a terminal would show.
func tailLines(path string, n int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-logTailBytes), io.SeekStart)
	}
	data, _ := io.ReadAll(io.LimitReader(f, logTailBytes))
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n \t")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

// secretName matches environment variables and flags whose values are not for
// other people.
var secretName = regexp.MustCompile(`(?i)(key|token|secret|passw|credential|auth)`)

// notSecret are names that match and are needed, and hold no secret.
var notSecret = regexp.MustCompile(`(?i)(tokenizer|max[_-].*tokens|num[_-].*tokens|tokens$|keyboard|ssh_auth_sock|xauthority)`)

func isSecretName(name string) bool {
	return secretName.MatchString(name) && !notSecret.MatchString(name)
}

// secretNames lists the variables of an environment that look like secrets,
// sorted.
func secretNames(env []string) []string {
	var names []string
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); isSecretName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

const hidden = "***"

// A redactor removes secret values from text that is shown or written down.
type redactor struct{ values []string }

// newRedactor learns the secrets from an environment and a command line.
func newRedactor(env, command []string) redactor {
	var r redactor
	learn := func(name, value string) {
		// Short values ("1", "true") are switches, and would blank half a log.
		if isSecretName(name) && len(value) >= 8 {
			r.values = append(r.values, value)
		}
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		learn(name, value)
	}
	for i, arg := range command {
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(command) {
			value = command[i+1]
		}
		learn(name, value)
	}
	return r
}

func (r redactor) text(s string) string {
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, hidden)
	}
	return s
}

func (r redactor) texts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = r.text(s)
	}
	return out
}
