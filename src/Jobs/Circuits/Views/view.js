const find = name => root.querySelector('.' + name);
const make = (tag, text, parent, className) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  if (parent) parent.append(e);
  return e;
};
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const signed = (x, n = 2) => (x > 0 ? '+' : x < 0 ? '-' : '') + Math.abs(x).toFixed(n);
const name = id => data.names[id];

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

// Attention as it is shown: a pattern or a value-weighted one (rows sum to 1), of a head or averaged.
const cached = new Map();
function attention(run, l, h, avg, kind) {
  const key = [runs.indexOf(run), avg === 'a' ? '' : l, avg ? '' : h, avg, kind].join();
  if (cached.has(key)) return cached.get(key);
  const T = run.T, map = new Float32Array(T * T);
  const layers = avg === 'a' ? [...Array(L).keys()] : [l], heads = avg ? [...Array(H).keys()] : [h];
  for (const i of layers) for (const j of heads) for (let q = 0; q < T; q++) {
    let sum = 0;
    const row = [];
    for (let k = 0; k <= q; k++) {
      row.push(run.pattern(i, j, q, k) * (kind === 'w' ? run.value(i, k, j) : 1));
      sum += row[k];
    }
    for (let k = 0; k <= q; k++)
      map[q * T + k] += row[k] / (kind === 'w' ? sum || 1 : 1) / (layers.length * heads.length);
  }
  if (cached.size > 400) cached.clear();
  cached.set(key, map);
  return map;
}

const css = variable => getComputedStyle(root).getPropertyValue(variable).trim();
const canvasOf = (parent, width, height) => {
  const canvas = make('canvas', undefined, parent), ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  return [canvas, pen];
};
const picture = (T, value, ink) => {
  const image = new OffscreenCanvas(T, T), pen = image.getContext('2d'), pixels = pen.createImageData(T, T);
  for (let i = 0; i < T * T; i++) {
    pixels.data.set(ink, 4 * i);
    pixels.data[4 * i + 3] = Math.round(255 * Math.min(1, value(i)));
  }
  pen.putImageData(pixels, 0, 0);
  return image;
};
const rgb = variable => css(variable).split(' ').map(Number);
const shade = (x, most) =>
  `rgb(var(--${x < 0 ? 'down' : 'up'}) / ${Math.min(1, 0.85 * Math.abs(x) / (most || 1)).toFixed(3)})`;

function drawMaps() {
  const place = find('maps');
  place.replaceChildren();
  for (const run of runs) {
    const box = make('div', undefined, place, 'run');
    if (runs.length > 1) make('h4', run.title, box);
    const scroll = make('div', undefined, box, 'scroll');
    const room = Math.max(240, Math.min(box.clientWidth || 480, 720)) - 26;
    const cell = Math.max(18, Math.min(56, Math.floor(room / H)));
    const [canvas, pen] = canvasOf(scroll, 26 + H * cell, 16 + L * cell);
    const ink = rgb('--up');
    pen.imageSmoothingEnabled = run.T > cell;
    pen.font = '10px system-ui';
    pen.fillStyle = css('color') || css('--ink');
    for (let h = 0; h < H; h++) pen.fillText(h, 26 + h * cell + 2, 11);
    for (let l = 0; l < L; l++) {
      pen.fillStyle = css('--ink');
      pen.fillText(l, 4, 16 + l * cell + cell / 2 + 3);
      for (let h = 0; h < H; h++) {
        const map = attention(run, l, h, '', state.kind), x = 26 + h * cell, y = 16 + l * cell;
        pen.fillStyle = css('--soft');
        pen.fillRect(x + 1, y + 1, cell - 2, cell - 2);
        pen.drawImage(picture(run.T, i => Math.sqrt(map[i]), ink), x + 1, y + 1, cell - 2, cell - 2);
        if (l === state.l && h === state.h) {
          pen.strokeStyle = css('--at');
          pen.lineWidth = 2;
          pen.strokeRect(x, y, cell, cell);
        }
      }
    }
    canvas.onclick = e => set({
      h: Math.floor((e.offsetX - 26) / cell), l: Math.floor((e.offsetY - 16) / cell), avg: '',
    });
    canvas.style.cursor = 'pointer';
  }
}

function drawHead() {
  const what = state.avg === 'a' ? 'Mean of all layers and heads'
    : state.avg === 'l' ? `Layer ${state.l}, mean of its heads` : `Head ${state.l}.${state.h}`;
  find('large').textContent = what + (state.kind === 'w' ? ', value-weighted' : '');
  const place = find('heads');
  place.replaceChildren();
  for (const run of runs) {
    const box = make('div', undefined, place, 'run');
    if (runs.length > 1) make('h4', run.title, box);
    const map = attention(run, state.l, state.h, state.avg, state.kind), T = run.T, t = Math.min(state.t, T - 1);
    const one = make('div', undefined, box, 'one');
    matrix(run, make('div', undefined, one, 'scroll'), map, t);
    lines(run, make('div', undefined, one, 'scroll'), map, t);
    if (!state.avg) strip(run, box, t);
  }
  say(null);
}

function say(spot) {
  const run = runs[0], t = Math.min(state.t, run.T - 1);
  const [r, q, k] = spot || [run, t, t], map = attention(r, state.l, state.h, state.avg, state.kind);
  if (spot) {
    find('hover').textContent = `from "${name(r.tokens[q])}" (${q}) to "${name(r.tokens[k])}" (${k}): `
      + map[q * r.T + k].toFixed(4);
    return;
  }
  const from = [...Array(t + 1).keys()].sort((i, j) => map[t * r.T + j] - map[t * r.T + i]).slice(0, 5);
  find('hover').textContent = `"${name(r.tokens[t])}" (${t}) looks at `
    + from.map(k => `${name(r.tokens[k])} (${k}) ${map[t * r.T + k].toFixed(3)}`).join(', ');
}

function matrix(run, parent, map, t) {
  const T = run.T, cell = Math.max(4, Math.min(26, Math.floor(360 / T)));
  const [canvas, pen] = canvasOf(parent, T * cell, T * cell);
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = css('--soft');
  pen.fillRect(0, 0, T * cell, T * cell);
  pen.drawImage(picture(T, i => map[i], rgb('--up')), 0, 0, T * cell, T * cell);
  pen.strokeStyle = css('--at');
  pen.strokeRect(0.5, t * cell + 0.5, T * cell - 1, cell - 1);
  pen.strokeRect(t * cell + 0.5, 0.5, cell - 1, T * cell - 1);
  const at = e => [Math.floor(e.offsetY / cell), Math.floor(e.offsetX / cell)]
    .map(x => Math.max(0, Math.min(T - 1, x)));
  canvas.onmousemove = e => say([run, ...at(e)]);
  canvas.onmouseleave = () => say(null);
  canvas.onclick = e => set({ t: at(e)[0] });
}

const svgOf = (tag, attributes, parent) => {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  parent.append(e);
  return e;
};

// Left the keys, right the queries: what the chosen token looks at, and who looks at it.
function lines(run, parent, map, t) {
  const T = run.T, step = 15, width = 330;
  const svg = svgOf('svg', { width, height: T * step + 20, role: 'img', 'aria-label': 'attention lines' }, parent);
  svgOf('text', { x: 118, y: 11, 'text-anchor': 'end', opacity: 0.7 }, svg).textContent = 'key';
  svgOf('text', { x: 212, y: 11, opacity: 0.7 }, svg).textContent = 'query';
  const y = i => 20 + i * step + 8;
  const short = id => { const text = name(id); return text.length > 14 ? text.slice(0, 13) + '\u2026' : text; };
  for (let k = 0; k < T; k++) for (const [q, at, colour] of [[t, k, '--up'], [k, t, '--down']]) {
    const p = at <= q ? map[q * T + at] : 0;
    if (p < 0.01 || (colour === '--down' && q === t)) continue;
    svgOf('line', { x1: 122, y1: y(at) - 4, x2: 208, y2: y(q) - 4, 'stroke-width': 1 + 3 * p,
      style: `stroke:rgb(var(${colour}) / ${(0.15 + 0.85 * p).toFixed(3)})` }, svg);
  }
  run.tokens.forEach((id, i) => {
    for (const [x, anchor] of [[118, 'end'], [212, 'start']]) {
      const text = svgOf('text', { x, y: y(i), 'text-anchor': anchor,
        style: 'cursor:pointer' + (i === t ? ';font-weight:700' : '') }, svg);
      text.textContent = short(id);
      text.onclick = () => set({ t: i });
      text.onmouseenter = () => say([run, Math.max(i, t), Math.min(i, t)]);
    }
  });
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
