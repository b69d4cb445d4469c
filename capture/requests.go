package capture

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"slices"
	"strings"
)

// A Request is one call that gives the engine work. A requests file holds one
// a line, as JSON: {"path": "/v1/chat/completions", "body": {…}}.
type Request struct {
	Path string          `json:"path"`
	Body json.RawMessage `json:"body,omitempty"` // a JSON object, sent as it is
	// Form is sent as multipart/form-data instead of Body: vLLM-Omni's video
	// routes take no JSON.
	Form map[string]string `json:"form,omitempty"`
}

// A Body gives the sizes of a built-in request. They are small on purpose: a
// profile of 2 steps shows the same kernels as one of 50 and is 25 times
// smaller.
type Body struct {
	Model  string // "" leaves the field out, which every engine accepts
	Prompt string
	Width  int // pixels
	Height int // pixels
	Frames int
	Steps  int // num_inference_steps
	Tokens int // max_tokens of a chat completion; 0 leaves it to the server
}

// DefaultBody has the sizes that vLLM-Omni's profiling guide gives for video.
// Images, which most models refuse at 48 × 64, are made 256 × 256 unless a
// size is set.
func DefaultBody() Body {
	return Body{Prompt: "A red bicycle beside a quiet canal.", Steps: 2, Frames: 2, Tokens: 16}
}

type builtin func(Body) Request

var builtins = map[string]builtin{
	"chat": func(b Body) Request {
		return jsonRequest("/v1/chat/completions", b, map[string]any{
			"messages":   []map[string]string{{"role": "user", "content": b.Prompt}},
			"max_tokens": b.Tokens,
		})
	},
	"images": func(b Body) Request {
		return jsonRequest("/v1/images/generations", b, map[string]any{
			"prompt": b.Prompt, "size": fmt.Sprintf("%dx%d", or(b.Width, 256), or(b.Height, 256)), "n": 1,
			"num_inference_steps": b.Steps, "seed": 1, "response_format": "b64_json",
		})
	},
	"videos": func(b Body) Request {
		form := map[string]string{
			"prompt": b.Prompt, "width": fmt.Sprint(or(b.Width, 64)), "height": fmt.Sprint(or(b.Height, 48)),
			"num_frames": fmt.Sprint(b.Frames), "num_inference_steps": fmt.Sprint(b.Steps), "seed": "1",
		}
		if b.Model != "" {
			form["model"] = b.Model
		}
		return Request{Path: "/v1/videos/sync", Form: form}
	},
	"speech": func(b Body) Request {
		return jsonRequest("/v1/audio/speech", b, map[string]any{"input": b.Prompt, "response_format": "wav"})
	},
}

// Kinds lists the built-in requests.
func Kinds() []string { return slices.Sorted(maps.Keys(builtins)) }

// Builtin returns the built-in request of a kind, and false for an unknown one.
func Builtin(kind string, b Body) (Request, bool) {
	make, ok := builtins[kind]
	if !ok {
		return Request{}, false
	}
	return make(b), true
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// jsonRequest encodes fields, without those that say nothing.
func jsonRequest(path string, b Body, fields map[string]any) Request {
	if b.Model != "" {
		fields["model"] = b.Model
	}
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == 0 })
	body, err := json.Marshal(fields)
	if err != nil { // strings and integers always encode
		panic(err)
	}
	return Request{Path: path, Body: body}
}

// ReadRequests reads a requests file. Empty lines and lines that begin with #
// are skipped; an error names its line.
func ReadRequests(r io.Reader) ([]Request, error) {
	var requests []Request
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20) // images travel inline, as base64
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		request, err := parseRequest(line)
		if err != nil {
			return nil, failure(Usage, `each line is {"path": "/v1/…", "body": {…}}`, "requests line %d: %w", n, err)
		}
		requests = append(requests, request)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading requests: %w", err)
	}
	if len(requests) == 0 {
		return nil, failure(Usage, `each line is {"path": "/v1/…", "body": {…}}`, "the requests file holds no request")
	}
	return requests, nil
}

func parseRequest(line []byte) (Request, error) {
	var request Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields() // a misspelt "body" must not become an empty request
	if err := d.Decode(&request); err != nil {
		return Request{}, err
	}
	if d.More() {
		return Request{}, errors.New("more than one object on the line")
	}
	return request, request.validate()
}

func (r Request) validate() error {
	switch {
	case !strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "//"):
		return fmt.Errorf("path %q must begin with one /", r.Path)
	case len(r.Body) > 0 && len(r.Form) > 0:
		return errors.New("body and form exclude each other")
	case len(r.Body) > 0 && !json.Valid(r.Body):
		return errors.New("the body is not JSON")
	}
	return nil
}

// steps returns the denoise steps that the request asks for, 0 where it does
// not say. They stand at the top, or in the extra_body of a chat completion.
func (r Request) steps() int {
	var body struct {
		Steps int `json:"num_inference_steps"`
		Extra struct {
			Steps int `json:"num_inference_steps"`
		} `json:"extra_body"`
	}
	if len(r.Body) > 0 {
		_ = json.Unmarshal(r.Body, &body) // a body of another shape asks for none
		return or(body.Steps, body.Extra.Steps)
	}
	n := 0
	_, _ = fmt.Sscan(r.Form["num_inference_steps"], &n)
	return n
}

// payload returns the bytes to send and their content type.
func (r Request) payload() ([]byte, string, error) {
	if len(r.Form) == 0 {
		return r.Body, "application/json", nil
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(r.Form)) {
		if err := form.WriteField(name, r.Form[name]); err != nil {
			return nil, "", err
		}
	}
	if err := form.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), form.FormDataContentType(), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
