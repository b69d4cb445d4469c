package analyze

import (
	"fmt"
	"slices"
)

// Select drops the work of all other stages. No stages at all select
// everything; a stage that the run does not have is an error. Exclusive shares
// stay those of the whole device.
func (s *Session) Select(stages []int) error {
	if len(stages) == 0 {
		return nil
	}
	known := s.stages()
	for _, stage := range stages {
		if !slices.Contains(known, stage) {
			return fmt.Errorf("no stage %d in this run: it has %v", stage, known)
		}
	}
	s.work = slices.DeleteFunc(s.work, func(w Work) bool {
		return !slices.Contains(stages, s.Sources[w.source].Stage)
	})
	return nil
}
