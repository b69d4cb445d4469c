package session

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

// The names and times in these layouts are those that the source code of each
// version would write; what is expected follows from how the run was made.
var layouts = []struct{ name, files, want string }{
	{"vLLM to 0.10: host and pid", `
		p/node7_4711.1767225600123456789.pt.trace.json.gz
		p/node7_4712.1767225601123456789.pt.trace.json.gz
		p/node7_4711.1767225700123456789.pt.trace.json.gz
		p/profiler_out_0.txt`, `
		20260101-000000
		  p/node7_4711.1767225600123456789.pt.trace.json.gz trace -/-/-
		  p/node7_4712.1767225601123456789.pt.trace.json.gz trace -/-/-
		20260101-000140
		  p/node7_4711.1767225700123456789.pt.trace.json.gz trace -/-/-
		  p/profiler_out_0.txt side`},
	{"vLLM 0.11 to 0.15: instance and rank, and the frontend", `
		p/ab12-rank-0.1767225600000000001.pt.trace.json.gz
		p/ab12-rank-1.1767225600000000002.pt.trace.json.gz
		p/node7_99.async_llm.1767225599000000000.pt.trace.json.gz`, `
		20251231-235959
		  p/ab12-rank-0.1767225600000000001.pt.trace.json.gz trace -/-/0 engine by file name
		  p/ab12-rank-1.1767225600000000002.pt.trace.json.gz trace -/-/1 engine by file name
		  p/node7_99.async_llm.1767225599000000000.pt.trace.json.gz frontend -/-/- engine`},
	{"vLLM 0.16 on: parallel ranks, prefix, fallback, graph captures", `
		p/capture_traces/graph_capture_rank_0.1767220000000000000.pt.trace.json.gz
		p/capture_traces/graph_capture_rank_0.1767220001000000000.pt.trace.json.gz
		p/dp0_pp0_tp0_dcp0_ep0_rank0.1767225600000000000.pt.trace.json.gz
		p/dp0_pp0_tp1_dcp0_ep1_rank1.1767225600000000000.pt.trace.json.gz
		p/mine_dp1_pp0_tp0_dcp0_ep0_rank0.1767225600000000000.pt.trace.json
		p/rank2.1767225600000000000.pt.trace.json`, `
		20260101-000000
		  p/rank2.1767225600000000000.pt.trace.json trace -/-/2 engine by file name
		  p/dp0_pp0_tp0_dcp0_ep0_rank0.1767225600000000000.pt.trace.json.gz trace -/0/0 engine by file name
		  p/dp0_pp0_tp1_dcp0_ep1_rank1.1767225600000000000.pt.trace.json.gz trace -/0/1 engine by file name
		  p/mine_dp1_pp0_tp0_dcp0_ep0_rank0.1767225600000000000.pt.trace.json trace -/1/0 engine by file name
		  p/capture_traces/graph_capture_rank_0.1767220000000000000.pt.trace.json.gz capture -/-/0 engine by file name
		  p/capture_traces/graph_capture_rank_0.1767220001000000000.pt.trace.json.gz capture -/-/0 engine by file name`},
	{"era B: diffusion stamped at the start, engine at the stop, the engine used directly", `
		p/ab-rank-0.1769000075123456789.pt.trace.json.gz
		p/node_1.async_llm.1769000074123456789.pt.trace.json.gz
		p/stage_1_diffusion_1769000000_rank0.json.gz
		p/stage_1_diffusion_1769000000_rank1.json.gz
		q/stage_0_diffusion_1769000000_rank_rank0.json`, `
		p/20260121-125320
		  p/ab-rank-0.1769000075123456789.pt.trace.json.gz trace -/-/0 engine by file name
		  p/stage_1_diffusion_1769000000_rank0.json.gz trace 1/-/0 diffusion by file name
		  p/stage_1_diffusion_1769000000_rank1.json.gz trace 1/-/1 diffusion by file name
		  p/node_1.async_llm.1769000074123456789.pt.trace.json.gz frontend -/-/- engine
		q/20260121-125320
		  q/stage_0_diffusion_1769000000_rank_rank0.json trace 0/-/0 diffusion by file name`},
	{"era C: flat", `
		p/stage0_rank0_1775000000_rank0.json.gz
		p/stage0_rank1_1775000000_rank1.json.gz
		p/stage_1_diffusion_1775000001_rank0.json.gz
		p/stage0_rank0_1775000060_rank0.json.gz
		p/stage0_rank1_1775000061_rank1.json.gz
		p/stage_1_diffusion_1775000061_rank0.json.gz
		q/diffusion_1775000000_rank0.json`, `
		p/20260331-233320
		  p/stage0_rank0_1775000000_rank0.json.gz trace 0/-/0 engine by file name
		  p/stage0_rank1_1775000000_rank1.json.gz trace 0/-/1 engine by file name
		  p/stage_1_diffusion_1775000001_rank0.json.gz trace 1/-/0 diffusion by file name
		q/20260331-233320
		  q/diffusion_1775000000_rank0.json trace -/-/0 diffusion by file name
		p/20260331-233420
		  p/stage0_rank0_1775000060_rank0.json.gz trace 0/-/0 engine by file name
		  p/stage0_rank1_1775000061_rank1.json.gz trace 0/-/1 engine by file name
		  p/stage_1_diffusion_1775000061_rank0.json.gz trace 1/-/0 diffusion by file name`},
	{"era D: stages started in turn, ranks a second apart, side files", `
		p/run.json <- text {"name": "x"}
		p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json.gz
		p/20260501-101010_stage0_rank0_1777630210/profiler_out_0.txt
		p/20260501-101010_stage0_rank0_1777630210/ops_rank0.xlsx
		p/20260501-101012_stage_1_rep_0_diffusion_1777630212/trace_rank0.json.gz
		p/20260501-101012_stage_1_rep_0_diffusion_1777630212/stacks_cuda_rank0.txt <- empty
		p/20260501-101012_stage_1_rep_0_diffusion_1777630212/memory_snapshot_rank0.pickle
		p/20260501-101013_stage_1_rep_0_diffusion_1777630212/trace_rank1.json.gz
		p/20260501-101013_stage_1_rep_1_diffusion_1777630213/trace_rank0.json.gz`, `
		20260501-101010
		  run p/run.json
		  p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json.gz trace 0/-/0 engine by directory
		  p/20260501-101012_stage_1_rep_0_diffusion_1777630212/trace_rank0.json.gz trace 1/0/0 diffusion by directory
		  p/20260501-101013_stage_1_rep_0_diffusion_1777630212/trace_rank1.json.gz trace 1/0/1 diffusion by directory
		  p/20260501-101013_stage_1_rep_1_diffusion_1777630213/trace_rank0.json.gz trace 1/1/0 diffusion by directory
		  p/20260501-101010_stage0_rank0_1777630210/ops_rank0.xlsx side
		  p/20260501-101010_stage0_rank0_1777630210/profiler_out_0.txt side
		  p/20260501-101012_stage_1_rep_0_diffusion_1777630212/memory_snapshot_rank0.pickle side
		  p/20260501-101012_stage_1_rep_0_diffusion_1777630212/stacks_cuda_rank0.txt side`},
	{"era D: offline engine, early diffusion name, profile_prefix", `
		a/20260501-101010_diffusion_rank1_1777630210/trace_rank1.json.gz
		b/20260501-101010_diffusion_1777630210/trace_rank0.json
		c/20260501-101010_stage_2_diffusion_1777630210/trace_rank0.json
		d/20260501-101010_warm/trace_rank0.json
		d/20260501-101011_warm/trace_rank1.json
		d/20260501-102010_hot/trace_rank0.json`, `
		a/20260501-101010
		  a/20260501-101010_diffusion_rank1_1777630210/trace_rank1.json.gz trace -/-/1 diffusion by directory
		b/20260501-101010
		  b/20260501-101010_diffusion_1777630210/trace_rank0.json trace -/-/0 diffusion by file name
		c/20260501-101010
		  c/20260501-101010_stage_2_diffusion_1777630210/trace_rank0.json trace 2/-/0 diffusion by directory
		d/20260501-101010
		  d/20260501-101010_warm/trace_rank0.json trace -/-/0 by file name
		  d/20260501-101011_warm/trace_rank1.json trace -/-/1 by file name
		d/20260501-102010
		  d/20260501-102010_hot/trace_rank0.json trace -/-/0 by file name`},
	{"era D: two replicas of an autoregressive stage", `
		p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		p/20260501-101011_stage0_rank0_1777630211/trace_rank0.json
		p/20260501-101011_stage1_rank0_1777630211/trace_rank0.json`, `
		20260501-101010
		  p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory
		  p/20260501-101011_stage0_rank0_1777630211/trace_rank0.json trace 0/-/0 engine by directory
		  p/20260501-101011_stage1_rank0_1777630211/trace_rank0.json trace 1/-/0 engine by directory`},
	{"different stages far apart are two sessions", `
		p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		p/20260501-101041_stage1_rank0_1777630241/trace_rank0.json`, `
		20260501-101010
		  p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory
		20260501-101041
		  p/20260501-101041_stage1_rank0_1777630241/trace_rank0.json trace 1/-/0 engine by directory`},
	{"Ascend", `
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json <- text [{"ph": "X", "ts": "1.5"}]
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/kernel_details.csv
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/communication.json <- text {"a": 1}
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/profiler_info_1.json <- text {"a": 2}
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/PROF_000001_x/mindstudio_profiler_output/msprof_1.json <- text [{"ph": "X", "ts": "2.5"}]
		p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/FRAMEWORK/torch.op_range
		p/diffusion_rank0/node7_4712_20260501101011123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json <- text [{"ph": "X", "ts": "3.5"}]
		q/node7_9_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json <- text [{"ph": "X", "ts": "4.5"}]
		q/node7_9_20260501101010123_ascend_pt/profiler_info_3.json <- text {"a": 3}
		q/node7_8_20260501101010123_ascend_pt/PROF_000001_x/device_0/data.bin`, `
		p/20260501-101010
		  p/diffusion_rank0/node7_4712_20260501101011123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json trace -/-/0 diffusion by directory
		  p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json trace 0/-/1 engine by directory
		  p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/communication.json side
		  p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/kernel_details.csv side
		  p/stage0_rank1/node7_4711_20260501101010123_ascend_pt/profiler_info_1.json side
		q/20260501-101010
		  q/node7_9_20260501101010123_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json trace -/-/3 by file name
		  q/node7_9_20260501101010123_ascend_pt/profiler_info_3.json side
		! q/node7_8_20260501101010123_ascend_pt: torch_npu's data is not analysed yet: run torch_npu.profiler.profiler.analyse on it`},
	{"nsys: ranges of one run; the export stands for report and statistics", `
		p/report.1.nsys-rep
		p/report.2.nsys-rep
		p/report.2.sqlite
		p/report.2_cuda_gpu_kern_sum.csv
		p/report.2_openmp_sum.csv <- empty
		p/other_gputrace.csv
		p/other_cudaapisum.csv`, `
		other
		  p/other_gputrace.csv trace -/-/-
		  p/other_cudaapisum.csv side of p/other_gputrace.csv
		report
		  p/report.1.nsys-rep trace -/-/- range 1
		  p/report.2.nsys-rep trace -/-/- range 2, duplicate of p/report.2.sqlite
		  p/report.2.sqlite trace -/-/- range 2
		  p/report.2_cuda_gpu_kern_sum.csv trace -/-/- range 2, duplicate of p/report.2.sqlite
		  p/report.2_openmp_sum.csv side`},
	{"nsys: the export is still being made", `
		p/report.nsys-rep
		p/report.sqlite <- cut
		q/report.nsys-rep
		q/report.sqlite
		q/report.sqlite-journal`, `
		p/report
		  p/report.nsys-rep trace -/-/-
		  p/report.sqlite trace -/-/-, half-written of p/report.nsys-rep
		q/report
		  q/report.nsys-rep trace -/-/-
		  q/report.sqlite trace -/-/-, half-written of q/report.nsys-rep`},
	{"names without a time", `
		t/rank0.json
		t/rank1.json
		t/thinker.json
		t/worker0_step_12.1694128201545.pt.trace.json.gz
		t/worker1_step_12.1694128201556.pt.trace.json.gz
		u/stage0/trace.json
		u/stage1/trace.json`, `
		t/rank#
		  t/rank0.json trace -/-/0 by file name
		  t/rank1.json trace -/-/1 by file name
		t/thinker
		  t/thinker.json trace -/-/-
		u/trace
		  u/stage0/trace.json trace 0/-/- by directory
		  u/stage1/trace.json trace 1/-/- by directory
		t/20230907-231001
		  t/worker0_step_12.1694128201545.pt.trace.json.gz trace -/-/0 by file name
		  t/worker1_step_12.1694128201556.pt.trace.json.gz trace -/-/1 by file name`},
	{"gzip at work: the .json is whole, the .gz grows", `
		p/stage0_rank0_1775000000_rank0.json
		p/stage0_rank0_1775000000_rank0.json.gz <- cut
		p/stage1_rank0_1775000000_rank0.json
		p/stage1_rank0_1775000000_rank0.json.gz <- empty
		p/stage2_rank0_1775000000_rank0.json
		p/stage2_rank0_1775000000_rank0.json.gz <- pack p/stage2_rank0_1775000000_rank0.json
		p/stage3_rank0_1775000000_rank0.json.tmp <- cut`, `
		20260331-233320
		  p/stage0_rank0_1775000000_rank0.json trace 0/-/0 engine by file name
		  p/stage0_rank0_1775000000_rank0.json.gz trace 0/-/0 engine by file name, half-written of p/stage0_rank0_1775000000_rank0.json
		  p/stage1_rank0_1775000000_rank0.json trace 1/-/0 engine by file name
		  p/stage1_rank0_1775000000_rank0.json.gz trace 1/-/0 engine by file name, half-written of p/stage1_rank0_1775000000_rank0.json
		  p/stage2_rank0_1775000000_rank0.json trace 2/-/0 engine by file name, duplicate of p/stage2_rank0_1775000000_rank0.json.gz
		  p/stage2_rank0_1775000000_rank0.json.gz trace 2/-/0 engine by file name
		  p/stage3_rank0_1775000000_rank0.json.tmp trace 3/-/0 engine by file name, half-written`},
	{"half-written and nothing better: counted as far as it goes", `
		p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json <- cut
		p/20260501-101010_stage1_rank0_1777630210/trace_rank0.json.gz <- empty`, `
		20260501-101010
		  p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory, half-written
		  p/20260501-101010_stage1_rank0_1777630210/trace_rank0.json.gz trace 1/-/0 engine by directory, half-written`},
	{"the same content twice", `
		p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		p/20260501-101110_stage0_rank0_1777630270/trace_rank0.json
		p/copy of stage 0.json <- copy p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		p/old/stage 0.json <- copy p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json`, `
		20260501-101010
		  p/copy of stage 0.json trace -/-/-, duplicate of p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		  p/old/stage 0.json trace -/-/-, duplicate of p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		  p/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory
		20260501-101110
		  p/20260501-101110_stage0_rank0_1777630270/trace_rank0.json trace 0/-/0 engine by directory`},
	{"a copied folder, in which gzip was at work", `
		p/trace_rank0.json
		p/trace_rank0.json.gz <- pack p/trace_rank0.json
		q/trace_rank0.json <- copy p/trace_rank0.json
		q/trace_rank0.json.gz <- copy p/trace_rank0.json.gz`, `
		trace_rank0
		  p/trace_rank0.json trace -/-/0 by file name, duplicate of p/trace_rank0.json.gz
		  p/trace_rank0.json.gz trace -/-/0 by file name
		  q/trace_rank0.json trace -/-/0 by file name, duplicate of p/trace_rank0.json.gz
		  q/trace_rank0.json.gz trace -/-/0 by file name, duplicate of p/trace_rank0.json.gz`},
	{"starts after a stop, stops long after a stop, and long after a start", `
		p/a-rank-0.1767225600000000000.pt.trace.json
		p/b-rank-1.1767225660000000000.pt.trace.json
		p/c-rank-2.1767225720000000001.pt.trace.json
		p/stage_1_diffusion_1767225730_rank0.json
		p/d-rank-0.1767229330000000000.pt.trace.json
		q/stage_1_diffusion_1767225730_rank0.json
		q/d-rank-0.1767229331000000000.pt.trace.json`, `
		p/20260101-000000
		  p/a-rank-0.1767225600000000000.pt.trace.json trace -/-/0 engine by file name
		  p/b-rank-1.1767225660000000000.pt.trace.json trace -/-/1 engine by file name
		p/20260101-000200
		  p/c-rank-2.1767225720000000001.pt.trace.json trace -/-/2 engine by file name
		p/20260101-000210
		  p/d-rank-0.1767229330000000000.pt.trace.json trace -/-/0 engine by file name
		  p/stage_1_diffusion_1767225730_rank0.json trace 1/-/0 diffusion by file name
		q/20260101-000210
		  q/stage_1_diffusion_1767225730_rank0.json trace 1/-/0 diffusion by file name
		q/20260101-010211
		  q/d-rank-0.1767229331000000000.pt.trace.json trace -/-/0 engine by file name`},
	{"crashed while gzip was at work, and before: the plain text is read", `
		p/trace_rank0.json <- cut
		p/trace_rank0.json.gz <- cut
		p/trace_rank0.json.tmp <- cut`, `
		trace_rank0
		  p/trace_rank0.json trace -/-/0 by file name, half-written
		  p/trace_rank0.json.gz trace -/-/0 by file name, half-written of p/trace_rank0.json
		  p/trace_rank0.json.tmp trace -/-/0 by file name, half-written of p/trace_rank0.json`},
	{"run folders with times in their own names; wall time never mixes with Unix time", `
		p/20260501-090000_a/20260501-101010_stage0_rank0_1777630210/trace_rank0.json
		p/20260501-090000_b/20260501-101010_stage1_rank0_1777630210/trace_rank0.json
		p/20260501-090000_b/20260501-101010_mine/trace_rank0.json`, `
		20260501-090000_a/20260501-101010
		  p/20260501-090000_a/20260501-101010_stage0_rank0_1777630210/trace_rank0.json trace 0/-/0 engine by directory
		20260501-090000_b/20260501-101010
		  p/20260501-090000_b/20260501-101010_mine/trace_rank0.json trace -/-/0 by file name
		20260501-090000_b/20260501-101010-2
		  p/20260501-090000_b/20260501-101010_stage1_rank0_1777630210/trace_rank0.json trace 1/-/0 engine by directory`},
	{"other formats", `
		p/a.pftrace <- perfetto
		p/b.perfetto-trace <- text no protobuf
		p/proton_dp0_rank0_pid7_00ff_run1.chrome_trace
		p/proton_dp0_rank0_pid7_00ff_run1.hatchet
		p/x.qdstrm`, `
		a.pftrace
		  p/a.pftrace trace -/-/-
		proton_dp0_rank0_pid7_00ff_run1.chrome_trace
		  p/proton_dp0_rank0_pid7_00ff_run1.chrome_trace trace -/-/0 engine by file name
		  p/proton_dp0_rank0_pid7_00ff_run1.hatchet side
		! p/b.perfetto-trace: neither a Chrome trace nor an nsys export, report or statistic
		! p/x.qdstrm: nsys's raw stream, not yet a report: nsys was stopped before it had written one`},
	{"what else lies about", `
		p/trace_rank0.json
		p/README.md
		p/config.json <- text {"model_type": "qwen"}
		p/trace_lfs.json.gz <- text version https://git-lfs.github.com/spec/v1
		p/trace_config.json <- text {"a": [1, 2]}
		p/server.log
		p/notes.sqlite <- text hello
		p/vllm_omni_orch_monitor_05011010.json <- text {"configured_window_s": 1.0}
		p/execution_trace_rank0.json <- text {"nodes": []}
		p/.git/trace.json`, `
		trace_rank0
		  p/trace_rank0.json trace -/-/0 by file name
		  p/vllm_omni_orch_monitor_05011010.json side
		  p/execution_trace_rank0.json side
		! p/notes.sqlite: neither a Chrome trace nor an nsys export, report or statistic
		! p/trace_config.json: JSON, but no trace: it has no traceEvents
		! p/trace_lfs.json.gz: a Git LFS pointer, not the file itself: run git lfs pull`},
	{"only graph captures", `
		p/capture_traces/graph_capture_rank_0.1767220000000000000.pt.trace.json.gz
		p/capture_traces/graph_capture_rank_1.1767220090000000000.pt.trace.json.gz`, `
		20251231-222640
		  p/capture_traces/graph_capture_rank_0.1767220000000000000.pt.trace.json.gz capture -/-/0 engine by file name
		  p/capture_traces/graph_capture_rank_1.1767220090000000000.pt.trace.json.gz capture -/-/1 engine by file name`},
	{"names lie: gzip called .json, plain called .gz, JSON called .txt", `
		p/rank0.json <- pack x
		p/rank1.json.gz <- text {"traceEvents": []}
		p/notes.txt <- text [{"ph": "X", "name": "k"}]`, `
		notes.txt
		  p/notes.txt trace -/-/-
		rank#
		  p/rank0.json trace -/-/0 by file name
		  p/rank1.json.gz trace -/-/1 by file name`},
}

func TestLayouts(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			lines := l.files
			if strings.Contains(lines, "pack x") {
				lines = "x <- text {\"traceEvents\": [1]}\n" + lines
			}
			fsys := build(t, lines)
			delete(fsys, "x")
			found, err := Find(fsys, roots(fsys))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := show(found), trim(l.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// roots returns the top directories of fsys.
func roots(fsys fs.FS) []string {
	entries, _ := fs.ReadDir(fsys, ".")
	var names []string
	for _, e := range entries {
		names = append(names, path.Clean(e.Name()))
	}
	return names
}
