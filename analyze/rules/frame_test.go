package rules

import (
	"strings"
	"testing"
)

// One rule of the tables a line; the names are as profilers wrote them, or as
// the pipeline's source would have them.
func TestFrame(t *testing.T) {
	const d = "vllm_omni/diffusion/"
	tests := []struct {
		name string
		want Role
	}{
		// a path counts from its end, lines do not count at all
		{d + "distributed/cfg_parallel.py(76): predict_noise_maybe_with_cfg", Predict},
		{d + "distributed/cfg_parallel.py(990): predict_noise_maybe_with_cfg", Predict},
		{"/home/me/vllm-omni/" + d + "distributed/pipeline_parallel.py(179): predict_noise_maybe_with_cfg", Predict},
		// a whole name, not its beginning
		{d + "distributed/cfg_parallel.py(383): predict_noise", Branch},
		{d + "distributed/cfg_parallel.py(1): predict_noise_later", NoRole},
		{d + "models/wan2_2/pipeline_wan2_2.py(844): predict_noise", Branch},

		{d + "forward_context.py(219): record_denoise_step", StepBegin},
		{d + "models/qwen_image/pipeline_qwen_image.py(913): denoise_step", StepBegin},
		{d + "models/ltx2/ltx2_runtime.py(738): _denoise_step", StepBegin},
		{d + "distributed/cfg_parallel.py(491): scheduler_step", StepEnd},
		{d + "models/qwen_image/pipeline_qwen_image.py(960): step_scheduler", StepEnd},
		{d + "models/schedulers/scheduling_flow_unipc_multistep.py(611): step", StepEnd},
		{"diffusers/schedulers/scheduling_flow_match_euler_discrete.py(425): step", StepEnd},
		{"torch/profiler/profiler.py(838): step", NoRole},
		{"vllm/profiler/wrapper.py(83): step", NoRole},
		{"torch/optim/sgd.py(60): step", NoRole},
		{"vllm/v1/engine/core.py(576): step", NoRole},
		{"tqdm/std.py(1203): update", Tick},
		{"collections/__init__.py(1): update", NoRole},

		{d + "models/qwen_image/cfg_parallel.py(28): diffuse", Denoise},
		{d + "distributed/pipeline_parallel.py(127): wrapped_diffuse", Denoise},
		{d + "models/qwen_image/pipeline_qwen_image.py(499): encode_prompt", TextEncode},
		{"diffusers/pipelines/flux/pipeline_flux.py(311): encode_prompt", TextEncode},
		{d + "models/qwen_image/pipeline_qwen_image_edit.py(564): _encode_vae_image", ImageEncode},
		{d + "models/wan2_2/pipeline_wan2_2_i2v.py(448): encode_image", ImageEncode},
		{d + "distributed/autoencoders/autoencoder_kl_wan.py(43): encode", ImageEncode},
		{d + "distributed/autoencoders/autoencoder_kl_wan.py(47): decode", VAEDecode},
		{"diffusers/models/autoencoders/autoencoder_kl.py(213): decode", VAEDecode},
		{d + "distributed/pipeline_parallel.py(142): wrapped_decode", VAEDecode},
		{d + "models/qwen_image/pipeline_qwen_image.py(882): _decode_latents", VAEDecode},
		{"<frozen os>(762): encode", NoRole},
		{"<frozen os>(766): decode", NoRole},
		{"<built-in method decode of bytes object at 0xb390a8>", NoRole},
		{"vllm/v1/serial_utils.py(340): decode", NoRole},
		{"json/encoder.py(1): encode", NoRole},

		{d + "models/z_image/pipeline_z_image.py(413): forward", Request},
		{"diffusers/pipelines/stable_diffusion_3/pipeline_stable_diffusion_3.py(772): __call__", Request},
		{d + "models/wan2_2/wan2_2_transformer.py(957): forward", NoRole},

		{d + "models/bagel/bagel_transformer.py(1781): generate_image", Denoise},
		{d + "models/bagel/bagel_transformer.py(2048): _generate_image_parallel", Denoise},
		{d + "models/bagel/bagel_transformer.py(2379): forward", Predict},
		{d + "models/bagel/bagel_transformer.py(2270): forward_single_branch", Branch},
		{d + "models/bagel/pipeline_bagel.py(303): _decode_image_from_latent", VAEDecode},
		{d + "models/hunyuan_image3/hunyuan_image3_transformer.py(2966): __call__", Denoise},
		{d + "models/hunyuan_image3/pipeline_hunyuan_image3.py(1304): prepare_inputs_for_generation", StepBegin},
		{d + "models/hunyuan_image3/pipeline_hunyuan_image3.py(1477): forward_call", Branch},
		{d + "models/hunyuan_image3/pipeline_hunyuan_image3.py(1351): _update_model_kwargs_for_generation", StepEnd},
		{d + "models/hunyuan_image3/pipeline_hunyuan_image3.py(938): vae_encode", ImageEncode},
		{d + "models/ltx2/ltx2_runtime.py(719): _predict_noise_for_step", Predict},
		{d + "models/ltx2/ltx2_runtime.py(799): run_phase", Denoise},
		{d + "models/ltx2/ltx2_runtime.py(899): decode_phase", VAEDecode},
		{d + "models/helios/pipeline_helios.py(675): _denoise_stage1_step", StepBegin},
		{d + "models/helios/pipeline_helios.py(736): _denoise_stage2_step", StepBegin},
		{d + "models/cosmos3/pipeline_cosmos3.py(2491): diffuse", Denoise},
		{d + "models/cosmos3/pipeline_cosmos3.py(2031): _decode_latents", VAEDecode},
		{d + "models/omnigen2/pipeline_omnigen2.py(1269): predict", Branch},
		{d + "models/minimax_h3/pipeline_minimax_h3.py(1592): decode", VAEDecode},
		{d + "models/flux/pipeline_flux_kontext.py(374): _encode_vae_image", ImageEncode},
		{d + "distributed/cfg_parallel.py(226): predict_noise_with_multi_branch_cfg", Predict},
		{"nn.Module: ZImageTransformer2DModel_0", Forward},
		{"nn.Module: FluxTransformer2DModel_0", Forward},
		{"nn.Module: Flux2Transformer2DModel_0", Forward},
		{"nn.Module: SD3Transformer2DModel_0", Forward},
		{"nn.Module: GlmImageTransformer2DModel_0", Forward},
		{"nn.Module: HunyuanImage3Model_0", Forward},
		{"nn.Module: HunyuanVideo15Transformer3DModel_0", Forward},
		{"nn.Module: StableAudioDiTModel_0", Forward},
		{"nn.Module: LongCatImageTransformer2DModel_0", Forward},
		{d + "cache/teacache/hook.py(87): new_forward", CacheHook},
		{d + "cache/magcache/hook.py(200): log_cache_hit", CacheHit},
		{"cache_dit/cache_factory/cache_blocks/pattern_base.py(1): forward", CacheHook},
		{"/opt/cache_dit/x.py(1): forward", CacheHook},
		{"my_cache_dit/x.py(1): forward", NoRole},

		{"vllm_omni/model_executor/models/qwen2_5_omni/qwen2_5_omni_token2wav.py(878): integrate", Denoise},
		{"vllm_omni/model_executor/models/qwen2_5_omni/qwen2_5_omni_token2wav.py(856): _compute_step", StepBegin},
		{"transformers/models/qwen2_5_omni/modeling_qwen2_5_omni.py(3548): ode_function", Branch},
		{"scipy/integrate.py(1): integrate", NoRole},

		{"vllm/distributed/device_communicators/shm_broadcast.py(772): dequeue", Wait},

		{"nn.Module: WanTransformer3DModel_0", Forward},
		{"nn.Module: WanTransformer3DModel_1", Forward},
		{"nn.Module: QwenImageTransformer2DModel_0", Forward},
		{"nn.Module: xFuserFlux1Transformer2DWrapper_0", Forward},
		{"nn.Module: UNet2DConditionModel_0", Forward},
		{"nn.Module: Qwen2_5OmniToken2WavDiTModel_0", Forward},
		{"nn.Module: WanTransformerBlock_3", NoRole},
		{"nn.Module: WanDecoder3d_0", VAEDecode},
		{"nn.Module: Decoder_0", VAEDecode},
		{"nn.Module: UMT5EncoderModel_0", TextEncode},
		{"nn.Module: Qwen2_5OmniToken2WavBigVGANModel_0", Vocode},
		{"nn.Module: Linear_12", NoRole},
		{"", NoRole},
	}
	for _, test := range tests {
		role, ok := Default().Frame(test.name)
		if role != test.want || ok != (test.want != NoRole) {
			t.Errorf("Frame(%q) = %s, %v, want %s", test.name, role, ok, test.want)
		}
	}
}

func TestModule(t *testing.T) {
	tests := []struct {
		name, class string
		instance    int
		ok          bool
	}{
		{"nn.Module: WanTransformer3DModel_12", "WanTransformer3DModel", 12, true},
		{"nn.Module: Qwen2_5_VLModel_0", "Qwen2_5_VLModel", 0, true},
		{"nn.Module: Linear", "Linear", -1, true},
		{"nn.Module: Foo_bar", "Foo_bar", -1, true},
		{"nn.Module: Foo_99999999999999999999", "Foo_99999999999999999999", -1, true},
		{"nn.Module: ", "", -1, false},
		{"a.py(1): f", "", -1, false},
	}
	for _, test := range tests {
		class, instance, ok := Module(test.name)
		if class != test.class || instance != test.instance || ok != test.ok {
			t.Errorf("Module(%q) = %q, %d, %v", test.name, class, instance, ok)
		}
	}
}

// Of two rules the first one wins, whatever the index looks them up by.
func TestFirstFrameRuleWins(t *testing.T) {
	const byFile, byFunc = "{role: wait, file: a.py}", "{role: tick, func: f}"
	for _, test := range []struct {
		order string
		want  Role
	}{{byFile + "," + byFunc, Wait}, {byFunc + "," + byFile, Tick}} {
		r := load(t, nil, "frames: ["+test.order+"]\n")
		if role, _ := r.Frame("x/a.py(1): f"); role != test.want {
			t.Errorf("with %s the role is %s", test.order, role)
		}
	}
}

func TestRange(t *testing.T) {
	tests := []struct {
		name string
		want Role
	}{
		{"pipeline_forward", Request},
		{"pipeline_forward_batch", Request},
		{"diffusion_forward", Request},
		{"diffusion_forward_batch", Request},
		{"execute_diffusion_1_256x256", Request},
		{"diffusion_step", StepRange},
		{"pipeline_memory_profile", Warmup},
		{"gpu_model_runner: forward", Pass},
		{"capture_16_PIECEWISE", Capture},
		{"Optimizer.step#SGD.step", NoRole},
		{"nccl:all_gather", NoRole},
		{"## Call CompiledFxGraph fud64jsr ##", NoRole},
		{"ProfilerStep#3", NoRole},
	}
	for _, test := range tests {
		role, ok := Default().Range(test.name)
		if role != test.want || ok != (test.want != NoRole) {
			t.Errorf("Range(%q) = %s, %v, want %s", test.name, role, ok, test.want)
		}
	}
}

func TestQuietDomain(t *testing.T) {
	for domain, want := range map[string]bool{"NCCL": true, "CCCL": true, "cuBLAS": true, "": false, "vllm": false, "default": false} {
		if got := Default().QuietDomain(domain); got != want {
			t.Errorf("QuietDomain(%q) = %v", domain, got)
		}
	}
}

func TestCall(t *testing.T) {
	for name, want := range map[string]CallClass{
		"cudaDeviceSynchronize":                         SyncCall,
		"hipStreamSynchronize":                          SyncCall,
		"cudaMemcpy":                                    SyncCall,
		"cudaMemcpyAsync":                               OrdinaryCall,
		"cudaStreamWaitEvent":                           OrdinaryCall,
		"cudaMalloc":                                    AllocationCall,
		"cudaMallocAsync":                               AllocationCall,
		"cudaFree":                                      AllocationCall,
		"cudaLaunchKernel":                              OrdinaryCall,
		"cudaGraphLaunch":                               OrdinaryCall,
		"cudaGraphInstantiateWithFlags":                 CaptureCall,
		"cudaStreamBeginCapture":                        CaptureCall,
		"cudaStreamIsCapturing":                         OrdinaryCall,
		"cuModuleLoadData":                              ModuleLoadCall,
		"cuLibraryLoadData":                             ModuleLoadCall,
		"Lazy Function Loading":                         ModuleLoadCall,
		"Activity Buffer Request":                       OverheadCall,
		"torch/cuda/graphs.py(100): capture_begin":      CaptureCall,
		"torch/cuda/graphs.py(137): replay":             OrdinaryCall,
		"triton/compiler/compiler.py(226): compile":     CompileCall,
		"triton/runtime/autotuner.py(140): _bench":      AutotuneCall,
		"re/__init__.py(280): _compile":                 OrdinaryCall,
		"torch/_dynamo/convert_frame.py(700): _compile": CompileCall,
	} {
		if got := Default().Call(name); got != want {
			t.Errorf("Call(%q) = %q, want %q", name, got, want)
		}
	}
}

// Stacks have what models and engines are made of, and nothing of the libraries
// below and around them. All names are of the vocoder stage of a Qwen2.5-Omni run.
func TestInStack(t *testing.T) {
	for name, want := range map[string]bool{
		"nn.Module: TimeDelayNetBlock_1":                                    true,
		"vllm/v1/engine/core.py(576): step":                                 true,
		"vllm_omni/worker/gpu_model_runner.py(1952): _model_forward":        true,
		"transformers/models/umt5/modeling_umt5.py(67): forward":            true,
		"/app/xDiT/xfuser/model.py(3): forward":                             true,
		"miniomni.py(246): forward":                                         true,
		"torch/nn/modules/module.py(1783): _call_impl":                      false,
		"/usr/lib/python3/site-packages/torch/nn/functional.py(1712): relu": false,
		"threading.py(299): __enter__":                                      false,
		"<built-in method relu of type object at 0x7f63db33e180>":           false,
		"<string>(1): <module>":                                             false,
		"diffusion_forward":                                                 false,
	} {
		if got := Default().InStack(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	none, err := Load(nil, strings.NewReader("plumbing: [mine/]"))
	if err != nil {
		t.Fatal(err)
	}
	if none.InStack("mine/a.py(1): f") || !none.InStack("torch/a.py(1): f") {
		t.Error("a user's list is not the one that counts")
	}
}
