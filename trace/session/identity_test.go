package session

import (
	"strings"
	"testing"

	"omnitrace/trace"
)

// Each place tells what it tells, and the earlier in the order wins.
func TestRefine(t *testing.T) {
	const name = "p/20260501-101010_stage_1_rep_2_diffusion_1777630210/trace_rank3.json.gz"
	title := func(names ...string) (ps []trace.Process) {
		for _, n := range names {
			ps = append(ps, trace.Process{Name: n})
		}
		return ps
	}
	for _, c := range []struct {
		path, traceName string
		rank            int
		processes       []trace.Process
		want            Identity
	}{
		{name, "", -1, nil, Identity{1, 2, 3, -1, 1777630210, Diffusion, ByDirectory}},
		{name, "/x/20260501-101010_stage0_rank0_1777630299/trace_rank0.json", 7, title("VLLM::StageEngineCoreProc_stage5_replica5_DP0"),
			Identity{1, 2, 3, -1, 1777630210, Diffusion, ByDirectory}},
		{"renamed.json", "/x/20260501-101010_stage_1_rep_0_diffusion_1777630210/trace_rank0.json", 7, nil,
			Identity{1, 0, 0, -1, 1777630210, Diffusion, ByTraceName}},
		{"trace_rank4.json", "/tmp/tmpab12.json", -1, title("VLLM::StageEngineCoreProc_stage1_replica3_DP0"),
			Identity{1, 3, 4, -1, 0, Engine, ByProcessName}},
		{"x.json", "", 5, title("vLLM-Omni::DiffusionWorker-2"), Identity{-1, -1, 5, -1, 0, Diffusion, ByDistributed}},
		{"x.json", "", -1, title("vLLM-Omni::StageDiffusionProc-2"), Identity{-1, -1, 2, -1, 0, Diffusion, ByProcessName}},
		{"x.json", "", -1, title("VLLM::Worker_DP1_TP2_EP6"), Identity{-1, 1, 2, -1, 0, Engine, ByProcessName}},
		{"x.json", "", -1, title("VLLM::EngineCore_DP1"), Identity{-1, 1, -1, -1, 0, Engine, ""}},
		{"x.json", "", -1, title("VLLM::EngineCore"), Identity{-1, -1, -1, -1, 0, Engine, ""}},
		{"x.json", "", -1, title("VLLM::StageEngi"), Identity{-1, -1, -1, -1, 0, Engine, ""}},
		{"x.json", "", -1, title("vLLM-Omni::Diff"), Identity{-1, -1, -1, -1, 0, Diffusion, ""}},
		{"x.json", "", -1, title("python3", "Spans"), unknown},
		// A report of nsys holds several stages: none of them is the file's.
		{"r.1.sqlite", "", -1, title("VLLM::StageEngineCoreProc_stage0_replica0_DP0", "python3", "VLLM::StageEngineCoreProc_stage1_replica0_DP0"),
			Identity{-1, 0, -1, 1, 0, Engine, ""}},
	} {
		h := trace.NewHeader("chrome")
		h.TraceName, h.Rank, h.Processes = c.traceName, c.rank, c.processes
		if got := Identify(c.path).Refine(h); got != c.want {
			t.Errorf("%s, %q, %d, %v: got %+v, want %+v", c.path, c.traceName, c.rank, c.processes, got, c.want)
		}
	}
}

// Names that only look like those of the profilers tell nothing.
func TestIdentifyUnknown(t *testing.T) {
	for _, name := range []string{
		"x.json", "backstage0/y.json", "dlrm_8rank/y.json", "franked3.json", "mystage1.json", "p/20261124_notes/y.json",
		"stage99999999999999999999_rank0_1777630210.json", "worker.json", "", "/", "../..", "rank.json", "stage_x_diffusion_1.json",
	} {
		got := Identify(name)
		if got.Stage != -1 || got.Replica != -1 {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	for _, l := range layouts {
		for line := range strings.Lines(l.files) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " <- ")
			f.Add(name)
		}
	}
	for _, name := range []string{"VLLM::Worker_TP0", "\xff/\x00rank1", "stage00000000000000000000001/", "_ascend_pt/_00000000000000000_ascend_pt"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id := Identify(name)
		if id.Stage < -1 || id.Replica < -1 || id.Rank < -1 || id.Range < -1 || id.Epoch < 0 {
			t.Errorf("%q: %+v", name, id)
		}
		if (id.Stage >= 0 || id.Rank >= 0) != (id.By != "") {
			t.Errorf("%q: identified by %q: %+v", name, id.By, id)
		}
		readProcesses([]trace.Process{{Name: name}, {Name: "VLLM::Worker_TP0"}})
		sideFile(name)
		likeTrace(name)
		family(name, NsysReport)
	})
}
