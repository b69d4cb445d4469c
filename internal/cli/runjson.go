package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"omnitrace/analyze"
	"omnitrace/capture"
	"omnitrace/trace/session"
)

// runSchema is the schema of the run.json that capture writes. Files of the
// same name by other tools are left alone.
const runSchema = "omnitrace.run/v1"

// describe fills in what the session's run.json says and the user does not.
func describe(s session.Session, o *analyze.Options) error {
	if s.RunJSON == "" {
		return nil
	}
	text, err := os.ReadFile(s.RunJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var r capture.Record
	if json.Unmarshal(text, &struct {
		Schema *string `json:"schema"`
	}{&r.Schema}) != nil || r.Schema != runSchema {
		return nil
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("reading %s: %w", s.RunJSON, err)
	}
	if o.Label == "" {
		o.Label = r.Label
	}
	if o.ExpectSteps == 0 {
		o.ExpectSteps = r.StepsAsked
	}
	for _, st := range r.Stages {
		if _, ok := o.GPUMap[st.Stage]; !ok && st.GPU != "" {
			o.GPUMap[st.Stage] = st.GPU
		}
	}
	return nil
}
