// Chrome traces of a diffusion request, written by hand: what is true of them is
// what they are made of.

// Names that try to break out of a page.
export const hostileNames = [
  '</script><script>document.title="owned"</script>',
  '<img src=x onerror="document.title=\'owned\'">',
  '"\' onmouseover=alert(1) x="',
  '<!--<script>',
  'javascript:alert(1)',
  'control \u0000\u0007\u001b[31m\r\n\t\u2028\u202e characters',
  '{{.Label}} ${alert(1)} `tick` \\ back',
  'long<' + 'kernel_argument, '.repeat(600) + '>',
];

// diffusionTrace returns the trace of one request. Each step calls the denoiser
// but those of the given numbers, which take it from a cache, and launches a
// kernel of each name; slower multiplies the durations of the first one.
export function diffusionTrace({ names, steps, cached = [], slower = 1 }) {
  const events = [];
  let correlation = 0;
  const range = (cat, name, ts, dur) => events.push({ ph: 'X', cat, name, pid: 1, tid: 1, ts, dur });
  const launch = (name, ts, dur) => {
    correlation++;
    events.push({ ph: 'X', cat: 'cuda_runtime', name: 'cudaLaunchKernel', pid: 1, tid: 1, ts, dur: 1, args: { correlation } });
    events.push({ ph: 'X', cat: 'kernel', name, pid: 0, tid: 7, ts: ts + 20, dur, args: { correlation, device: 0, stream: 7 } });
  };
  range('user_annotation', 'diffusion_forward', 0, 2000 * (steps + 1));
  for (let step = 0; step < steps; step++) {
    const at = 1000 + step * 2000;
    range('user_annotation', 'diffusion_step', at, 1900);
    if (!cached.includes(step)) range('python_function', 'nn.Module: QwenImageTransformer2DModel_0', at + 5, 1500);
    names.forEach((name, i) => {
      const dur = (50 + i + step % 3) * (i ? 1 : slower);
      if (!i || !cached.includes(step)) launch(name, at + 10 + i * 100, dur);
    });
  }
  return JSON.stringify({ baseTimeNanoseconds: 1759138476000000000, traceEvents: events });
}

// A Chrome trace of kernels that overlap others of their stream without lying
// inside them, as programmatic dependent launches do.
export function overlappingTrace() {
  const events = [
    { ph: 'M', name: 'process_name', pid: 1, args: { name: 'python3' } }, { ph: 'M', name: 'thread_name', pid: 1, tid: 1, args: { name: 'main' } },
    { ph: 'M', name: 'process_name', pid: 0, args: { name: 'python3' } }, { ph: 'M', name: 'thread_name', pid: 0, tid: 7, args: { name: 'stream 7' } },
    { ph: 'X', cat: 'user_annotation', name: 'diffusion_forward', pid: 1, tid: 1, ts: 0, dur: 1000 },
  ];
  [[10, 20], [25, 20], [40, 20], [100, 5]].forEach(([at, dur], i) => {
    const args = { correlation: i + 1, device: 0, stream: 7 };
    const name = i < 3 ? `overlapping ${i}` : 'apart';
    events.push({ ph: 'X', cat: 'cuda_runtime', name: 'cudaLaunchKernelExC', pid: 1, tid: 1, ts: i + 1, dur: 0.5, args: { correlation: i + 1 } });
    events.push({ ph: 's', cat: 'ac2g', name: 'ac2g', id: i + 1, pid: 1, tid: 1, ts: i + 1 });
    events.push({ ph: 'X', cat: 'kernel', name, pid: 0, tid: 7, ts: at, dur, args });
    events.push({ ph: 'f', cat: 'ac2g', name: 'ac2g', id: i + 1, pid: 0, tid: 7, ts: at, bp: 'e' });
  });
  return JSON.stringify({ baseTimeNanoseconds: 1759138476000000000, traceEvents: events });
}
