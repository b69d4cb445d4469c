// A Chrome trace whose names try to break out of a page: a diffusion request of
// four steps.

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

export function hostileTrace() {
  const events = [];
  let correlation = 0;
  const frame = (name, ts, dur) => events.push({ ph: 'X', cat: 'user_annotation', name, pid: 1, tid: 1, ts, dur });
  const launch = (name, ts, dur) => {
    correlation++;
    events.push({ ph: 'X', cat: 'cuda_runtime', name: 'cudaLaunchKernel', pid: 1, tid: 1, ts, dur: 1, args: { correlation } });
    events.push({ ph: 'X', cat: 'kernel', name, pid: 0, tid: 7, ts: ts + 20, dur, args: { correlation, device: 0, stream: 7 } });
  };
  frame('diffusion_forward', 0, 10000);
  for (let step = 0; step < 4; step++) {
    frame('diffusion_step', 1000 + step * 2000, 1900);
    hostileNames.forEach((name, i) => launch(name, 1010 + step * 2000 + i * 100, 50 + i + step));
  }
  return JSON.stringify({ baseTimeNanoseconds: 1759138476000000000, traceEvents: events });
}
