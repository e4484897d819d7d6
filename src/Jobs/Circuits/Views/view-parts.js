// Parts of the pages of view and of the server's explorer. A page defines data, runs, state, set, L and H.
// A run has title, tokens, T and pattern(layer, head, query, key); z, result and value only where it knows them.
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
const name = id => data.names[id] ?? '#' + id;

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
    if (!state.avg && run.z) strip(run, box, t);
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
  for (const [key, value] of Object.entries(attributes))
    if (key === 'style') e.style.cssText = value; // a policy against inline styles allows this
    else e.setAttribute(key, value);
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

// Layers from top to bottom; heads, the bias of attention and the feed-forward block from left to right.
function partsTable(parent, value, digits = 2) {
  const table = make('table', undefined, make('div', undefined, parent, 'scroll'), 'grid');
  const top = make('tr', undefined, table);
  ['', ...Array(H).keys(), 'bias', 'mlp'].forEach(text => make('th', text, top));
  const cells = [];
  data.parts.forEach((part, p) => {
    if (part.layer !== undefined) (cells[part.layer] ??= []).push([part, p, value(p)]);
  });
  const most = Math.max(...cells.flat().map(c => Math.abs(c[2] ?? 0)), 1e-9);
  cells.forEach((row, l) => {
    const tr = make('tr', undefined, table);
    make('th', l, tr);
    for (const [part, , x] of row) {
      const td = make('td', x === null ? '' : signed(x, digits), tr);
      if (x !== null) td.style.background = shade(x, most);
      if (part.head === undefined) continue;
      td.title = `head ${l}.${part.head}`;
      if (l === state.l && part.head === state.h) td.className = 'on';
      td.onclick = () => set({ l, h: part.head, avg: '' });
    }
  });
}
