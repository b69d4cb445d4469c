package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxReply bounds what is kept of a reply; the rest is read and counted. An
// image or a video in base64 fits.
const maxReply = 64 << 20

// A client talks to one server, straight: a proxy from the environment would
// take requests for this machine elsewhere.
type client struct {
	http *http.Client
	key  string // bearer token; "" for none
}

func newClient(key string) *client {
	return &client{key: key, http: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext},
		// A redirect could leave this machine.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A reply is what came back for one request.
type reply struct {
	status  int
	header  http.Header
	body    []byte // the first maxReply bytes
	size    int64
	started time.Time
	took    time.Duration
}

func (c *client) get(ctx context.Context, limit time.Duration, url string) (reply, error) {
	return c.do(ctx, limit, http.MethodGet, url, nil, "")
}

func (c *client) post(ctx context.Context, limit time.Duration, url string, body []byte, contentType string) (reply, error) {
	return c.do(ctx, limit, http.MethodPost, url, body, contentType)
}

// do sends a request and reads the whole reply. An error means that no whole
// reply came; a status that is not 2xx is none. A limit of 0 is none.
func (c *client) do(ctx context.Context, limit time.Duration, method, url string, body []byte, contentType string) (reply, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimedOut)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	r := reply{started: time.Now()}
	response, err := c.http.Do(request)
	if err != nil {
		return r, plainHTTP(ctx, err)
	}
	defer response.Body.Close()
	r.status, r.header = response.StatusCode, response.Header
	r.body, err = io.ReadAll(io.LimitReader(response.Body, maxReply))
	rest, restErr := io.Copy(io.Discard, response.Body)
	r.size, r.took = int64(len(r.body))+rest, time.Since(r.started)
	if err := errors.Join(err, restErr); err != nil {
		return r, plainHTTP(ctx, err)
	}
	return r, nil
}

var errTimedOut = errors.New("no answer in time")

// plainHTTP drops method and URL, which the caller names better, and puts the
// reason of a cancellation in place of "context canceled".
func plainHTTP(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// words returns the start of a reply's text, for a message.
func (r reply) words() string {
	text := strings.Join(strings.Fields(string(r.body)), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

func (r reply) ok() bool { return r.status/100 == 2 }

// timings are what a server says about a request's time, as it says it: the
// units differ between versions and routes.
func (r reply) timings() json.RawMessage {
	if h := r.header.Get("X-Stage-Durations"); h != "" {
		if json.Valid([]byte(h)) {
			return json.RawMessage(h)
		}
		quoted, _ := json.Marshal(h)
		return quoted
	}
	var body struct{ Metrics json.RawMessage }
	if json.Unmarshal(r.body, &body) != nil || len(body.Metrics) > 16<<10 || string(body.Metrics) == "null" {
		return nil
	}
	return body.Metrics
}

// profileProblem reads a reply of /start_profile or /stop_profile and returns
// what it says went wrong, "" for nothing. Nothing wrong does not mean that
// anything was recorded. Forms: empty; {"status":"SUCCESS"}; until June 2026 a
// list with one result a stage, failures among them.
func (r reply) profileProblem() string {
	body := bytes.TrimSpace(r.body)
	if len(body) == 0 {
		return ""
	}
	var status struct {
		Status *string
		Error  any
	}
	var stages []any
	switch {
	case json.Unmarshal(body, &status) == nil:
		if status.Error != nil {
			return fmt.Sprintf("it reports an error%s", r.words())
		}
		if status.Status != nil && !strings.EqualFold(*status.Status, "SUCCESS") {
			return fmt.Sprintf("its status is %q", *status.Status)
		}
		return ""
	case json.Unmarshal(body, &stages) == nil:
		if strings.Contains(string(body), `"error"`) {
			return fmt.Sprintf("a stage reports an error%s", r.words())
		}
		return ""
	}
	return fmt.Sprintf("the reply is not what any known version sends%s", r.words())
}
