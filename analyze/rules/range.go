package rules

// A rangeRule gives a role to named ranges: user annotations and NVTX.
type rangeRule struct {
	Role  word     `yaml:"role"`
	Match patterns `yaml:"match"`
}

func checkRange(r *rangeRule) error { return checkRole(r.Role) }

// Range returns the role of a named range of a host thread, a user annotation
// or an NVTX range of the default domain, by the first rule that matches;
// false for those that have none. Iterations are not among them: see
// [Rules.ParseIteration].
func (r *Rules) Range(name string) (Role, bool) {
	s := newSubject(name)
	for i := range r.ranges {
		if rule := &r.ranges[i]; rule.Match.match(s) {
			role := Role(rule.Role.text)
			return role, role != NoRole
		}
	}
	return NoRole, false
}

// QuietDomain reports whether the ranges of an NVTX domain are the noise of a
// library and mark nothing of the model's work.
func (r *Rules) QuietDomain(domain string) bool {
	return r.quietDomains.match(newSubject(domain))
}

// WorkerOp reports whether an operator runs on a thread that works for another
// one, which waits for it: what it launches belongs to what the other thread
// has open.
func (r *Rules) WorkerOp(name string) bool { return r.workerOps.match(newSubject(name)) }
