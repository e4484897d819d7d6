// Numbers as the page holds them; the comment of ViewData says how they are rounded.
const runs = data.runs.map(run => {
  const T = run.tokens.length, { L, H, D } = data, P = data.parts.length, K = data.chosen.length;
  const pattern = bytes(run.pattern), half = T * (T + 1) / 2;
  const z = new Int8Array(bytes(run.z).buffer);
  const float = text => new Float32Array(bytes(text).buffer);
  const short = text => new Int16Array(bytes(text).buffer);
  const results = float(run.results), values = float(run.values), contributions = short(run.contributions);
  return {
    ...run, T,
    pattern: (l, h, q, k) => k > q ? 0
      : (pattern[(l * H + h) * half + q * (q + 1) / 2 + k] / 255) ** 2,
    z: (l, t, h, d) => z[((l * T + t) * H + h) * D + d] * run.z_scale[l * H + h],
    result: (l, t, h) => results[(l * T + t) * H + h],
    value: (l, t, h) => values[(l * T + t) * H + h],
    part: (t, p, k) => contributions[(t * P + p) * K + k] * run.contribution_scale,
    words: run.words.map(w => ({
      ...w, ids: new Uint16Array(bytes(w.ids).buffer), logits: short(w.logits),
    })),
  };
});
const { L, H } = data, longest = Math.max(...runs.map(r => r.T));

const state = { t: runs[0].T - 1, l: data.layer, h: data.head, kind: 'p', avg: '', a: 0, b: -1, m: 'p', g: 0 };
const limits = { t: [0, longest - 1], l: [0, L - 1], h: [0, H - 1],
  a: [0, data.chosen.length - 1], b: [-1, data.chosen.length - 1], g: [0, runs[0].grids.length - 1] };
if (data.wrong !== undefined) state.b = data.wrong;
function clamp() {
  for (const [key, [low, high]] of Object.entries(limits))
    state[key] = Math.max(low, Math.min(high, Math.round(state[key]) || 0));
}
function readHash() {
  for (const pair of location.hash.slice(1).split('&')) {
    const [key, value] = pair.split('=');
    if (key in limits && value !== '' && isFinite(value)) state[key] = Number(value);
    if (key === 'kind' && 'pw'.includes(value) && value) state.kind = value;
    if (key === 'avg' && ['', 'l', 'a'].includes(value)) state.avg = value;
    if (key === 'm' && ['p', 'e', 'r', 'k'].includes(value)) state.m = value;
  }
  clamp();
}
function set(change) {
  Object.assign(state, change);
  clamp();
  history.replaceState(null, '', '#' + Object.entries(state).map(([k, v]) => k + '=' + v).join('&'));
  draw();
}

// z of the head at the position: D numbers as a strip.
function strip(run, parent, t) {
  const row = make('div', undefined, parent, 'zs'), D = data.D, cell = Math.max(2, Math.floor(256 / D));
  make('span', 'z', row);
  const [canvas, pen] = canvasOf(row, D * cell, 16);
  const all = [...Array(D).keys()].map(d => run.z(state.l, t, state.h, d));
  const most = Math.max(...all.map(Math.abs)), up = rgb('--up'), down = rgb('--down');
  all.forEach((x, d) => {
    pen.fillStyle = `rgba(${(x < 0 ? down : up).join(',')},${(Math.abs(x) / (most || 1)).toFixed(3)})`;
    pen.fillRect(d * cell, 0, cell, 16);
  });
  canvas.onmousemove = e => {
    const d = Math.max(0, Math.min(D - 1, Math.floor(e.offsetX / cell)));
    note.textContent = `z[${d}] = ${signed(all[d], 3)}`;
  };
  const note = make('span', `largest ${most.toFixed(3)}; length of what it writes `
    + run.result(state.l, t, state.h).toFixed(2), row);
}
