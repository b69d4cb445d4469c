package rules

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// A Role says what a python frame, an nn.Module call or a range means for
// attribution. Roles that end in "once per step" may still be nested (a
// pipeline-parallel override calls the method that it overrides): count the
// outermost of each.
type Role string

// The roles.
const (
	NoRole Role = "none"

	// What bounds a request and its phases.
	Request     Role = "request"      // one request, or one batch of them, from encode to decode
	Warmup      Role = "warmup"       // start-up work that is no request: memory profile, dummy run
	TextEncode  Role = "text_encode"  // text encoder and its tokenizer
	ImageEncode Role = "image_encode" // image encoder, or VAE encoder of an input image
	Denoise     Role = "denoise"      // the whole loop: denoise, or flow matching in a generation stage
	VAEDecode   Role = "vae_decode"   // latents to pixels or samples
	Vocode      Role = "vocode"       // mel spectrogram to wave, after a flow-matching loop

	// What happens in one turn of the loop, in this order.
	StepRange Role = "step"       // a range that is one step, or one scheduler tick in step execution
	StepBegin Role = "step_begin" // begins a turn, once per step
	Predict   Role = "predict"    // the noise prediction of all branches, once per step
	Branch    Role = "branch"     // the prediction of one CFG branch
	Forward   Role = "forward"    // a call of the denoiser
	CacheHook Role = "cache"      // a step cache decides whether the denoiser runs
	CacheHit  Role = "cache_hit"  // it did not run
	StepEnd   Role = "step_end"   // the scheduler's update, once per step
	Tick      Role = "tick"       // the progress bar's update, after the step

	// The rest.
	Pass    Role = "pass"    // a scope that opens once per scheduler pass of an autoregressive stage
	Capture Role = "capture" // a graph being captured, not replayed
	Wait    Role = "wait"    // the host waits for work to arrive
)

var roles = map[Role]bool{
	NoRole: true, Request: true, Warmup: true, TextEncode: true, ImageEncode: true, Denoise: true,
	VAEDecode: true, Vocode: true, StepRange: true, StepBegin: true, Predict: true, Branch: true,
	Forward: true, CacheHook: true, CacheHit: true, StepEnd: true, Tick: true, Pass: true,
	Capture: true, Wait: true,
}

// A frameRule gives a role to python frames or to nn.Module calls.
//
// File is the end of a path, compared segment by segment, each of which may
// hold the wild cards of [path.Match]; with a slash at its end it is any file
// below a folder of that name. Func is the function's whole name. Either may
// be left out. Module is the class of an nn.Module, with wild cards.
//
// Line numbers are not looked at: they move every week, and for a decorated
// function the profiler gives the decorator's.
type frameRule struct {
	Role   word  `yaml:"role"`
	File   texts `yaml:"file"`
	Func   texts `yaml:"func"`
	Module texts `yaml:"module"`
}

func checkFrame(f *frameRule) error {
	if err := checkRole(f.Role); err != nil {
		return err
	}
	if len(f.File)+len(f.Func)+len(f.Module) == 0 {
		return fmt.Errorf("line %d: a frame rule needs a file, func or module", f.Role.line)
	}
	if len(f.Module) > 0 && len(f.File)+len(f.Func) > 0 {
		return fmt.Errorf("line %d: a frame rule is for a module or for a file and func, not both", f.Role.line)
	}
	for _, list := range []texts{f.File, f.Module} {
		for _, glob := range list {
			if _, err := path.Match(glob, ""); err != nil {
				return fmt.Errorf("line %d: bad wild cards in %q", f.Role.line, glob)
			}
		}
	}
	return nil
}

func checkRole(w word) error {
	if w.text == "" {
		return errors.New("a frame or range rule without a role")
	}
	if !roles[Role(w.text)] {
		return fmt.Errorf("line %d: unknown role %q", w.line, w.text)
	}
	return nil
}

// indexFrames sorts the frame rules by what can reject a frame fastest: most
// frames have a function name that no rule speaks of.
func (r *Rules) indexFrames() {
	r.framesByFunc = map[string][]int{}
	for i, f := range r.frames {
		switch {
		case len(f.Module) > 0:
			r.moduleRules = append(r.moduleRules, i)
		case len(f.Func) == 0:
			r.framesByFile = append(r.framesByFile, i)
		default:
			for _, name := range f.Func {
				r.framesByFunc[name] = append(r.framesByFunc[name], i)
			}
		}
	}
}

// Frame returns the role of a python frame ("path/file.py(76): function") or
// of an nn.Module call ("nn.Module: WanTransformer3DModel_0"), by the first
// rule that matches; false for the great majority that has none.
//
// A text encoder may be a language model, so that encode roles mean something
// only inside a request of a diffusion stage.
func (r *Rules) Frame(name string) (Role, bool) {
	if class, _, ok := Module(name); ok {
		return r.found(r.firstModule(class))
	}
	file, function, ok := splitFrame(name)
	if !ok {
		return NoRole, false
	}
	return r.found(r.firstFrame(file, function))
}

// InStack reports whether a python frame, or a call of an nn.Module, tells where
// in a model or an engine something was launched: it is no part of the libraries
// between them and the GPU.
func (r *Rules) InStack(name string) bool {
	if _, _, ok := Module(name); ok {
		return true
	}
	file, _, ok := splitFrame(name)
	return ok && (len(r.plumbing) == 0 || !matchesFile(r.plumbing, file))
}

// found turns the index of a rule, or -1, into its role.
func (r *Rules) found(i int) (Role, bool) {
	if i < 0 || Role(r.frames[i].Role.text) == NoRole {
		return NoRole, false
	}
	return Role(r.frames[i].Role.text), true
}

func (r *Rules) firstModule(class string) int {
	for _, i := range r.moduleRules {
		if matchesAny(r.frames[i].Module, class) {
			return i
		}
	}
	return -1
}

func (r *Rules) firstFrame(file, function string) int {
	best := -1
	for _, i := range r.framesByFunc[function] {
		if matchesFile(r.frames[i].File, file) {
			best = i
			break
		}
	}
	for _, i := range r.framesByFile {
		if best >= 0 && i > best {
			break // an earlier rule has answered
		}
		if matchesFile(r.frames[i].File, file) {
			return i
		}
	}
	return best
}

// Module splits the name of an nn.Module call into its class and the number
// that tells instances of the class apart: "WanTransformer3DModel", 1. The
// instance is -1 where the name has none.
func Module(name string) (class string, instance int, ok bool) {
	rest, ok := strings.CutPrefix(name, "nn.Module: ")
	if !ok || rest == "" {
		return "", -1, false
	}
	i := strings.LastIndexByte(rest, '_')
	if i <= 0 {
		return rest, -1, true
	}
	if n, ok := number(rest[i+1:]); ok {
		return rest[:i], int(n), true
	}
	return rest, -1, true
}

// splitFrame splits "path/file.py(76): function". Built-in functions
// ("<built-in method …>") and frozen modules are no such frames.
func splitFrame(name string) (file, function string, ok bool) {
	if name == "" || name[0] == '<' {
		return "", "", false
	}
	i := strings.LastIndex(name, "): ")
	if i < 0 {
		return "", "", false
	}
	open := strings.LastIndexByte(name[:i], '(')
	if open <= 0 {
		return "", "", false
	}
	return name[:open], name[i+len("): "):], true
}

// matchesFile reports whether one of globs is the end of file, a path with
// slashes; no globs match every file.
func matchesFile(globs texts, file string) bool {
	if len(globs) == 0 {
		return true
	}
	for _, glob := range globs {
		if folder, ok := strings.CutSuffix(glob, "/"); ok {
			if strings.HasPrefix(file, glob) || strings.Contains(file, "/"+folder+"/") {
				return true
			}
			continue
		}
		if ok, err := path.Match(glob, tail(file, strings.Count(glob, "/")+1)); ok && err == nil {
			return true
		}
	}
	return false
}

// tail returns the last n segments of a path.
func tail(file string, n int) string {
	i := len(file)
	for ; n > 0 && i >= 0; n-- {
		i = strings.LastIndexByte(file[:i], '/')
	}
	return file[i+1:]
}

func matchesAny(globs texts, name string) bool {
	for _, glob := range globs {
		if ok, err := path.Match(glob, name); ok && err == nil {
			return true
		}
	}
	return false
}
