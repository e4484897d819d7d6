const find = name => root.querySelector('.' + name);
const make = (tag, text, parent, className) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  if (parent) parent.append(e);
  return e;
};
const signed = (x, n = 2) => Math.abs(x) < 0.5 / 10 ** n ? (0).toFixed(n) : (x > 0 ? '+' : '') + x.toFixed(n);
const name = id => data.names[id];
const tip = find('tip');

// A side is the first model, the second, or the second less the first.
const models = data.other ? [data, data.other] : [data];
const state = { t: data.start, s: models.length > 1 ? 2 : 0, c: 'f', g: 0, m: 'p' };
const choices = { s: models.length > 1 ? [0, 1, 2] : [0], c: data.effects ? ['f', 'e'] : ['f'],
  g: [...data.grids.keys()], m: ['p', 'e', 'r', 'k'] };
const next = key => ({ [key]: choices[key][(choices[key].indexOf(state[key]) + 1) % choices[key].length] });
function readHash() {
  for (const pair of location.hash.slice(1).split('&')) {
    const [key, value] = pair.split('=');
    if (key === 't' && value !== '' && isFinite(value))
      state.t = Math.max(0, Math.min(data.tokens.length - 1, Math.round(value)));
    const known = (choices[key] ?? []).find(c => String(c) === value);
    if (known !== undefined) state[key] = known;
  }
}
function set(change) {
  Object.assign(state, change);
  history.replaceState(null, '', '#' + Object.entries(state).map(([k, v]) => k + '=' + v).join('&'));
  draw();
}

// What a cell shows at a position: favour, effect of removing the head, words of the models.
function shown(side, l, h, p) {
  const cells = models.map(m => m.cells[l][h][p]), effects = models.map(m => m.effects?.[l][h]?.[p]);
  const of = values => side < 2 ? values[side]
    : values[0] === undefined ? undefined : values[1] - values[0];
  const tops = cells.map(c => name(c[1][0]));
  return { favour: of(cells.map(c => c[0])), effect: of(effects), cells, effects,
    word: side < 2 ? tops[side] : tops[0] === tops[1] ? tops[0] : tops.join(' \u2192 ') };
}
const value = cell => state.c === 'f' ? cell.favour : cell.effect ?? 0;

// One scale for all positions, so that they can be compared.
const largest = new Map();
function most() {
  const key = [state.s, state.c].join();
  if (!largest.has(key)) {
    let found = 1e-9;
    data.cells.forEach((row, l) => row.forEach((cells, h) => cells.forEach((_, p) => {
      found = Math.max(found, Math.abs(value(shown(state.s, l, h, p))));
    })));
    largest.set(key, found);
  }
  return largest.get(key);
}

function words(cell, table) {
  const two = cell.length > 3, top = make('tr', undefined, table);
  make('th', two ? 'the lens' : 'logit lens', top).colSpan = 2;
  if (two) make('th', 'logit lens', top).colSpan = 2;
  cell[1].forEach((id, k) => {
    const row = make('tr', undefined, table);
    make('td', name(id), row);
    make('td', signed(cell[2][k]), row, 'n');
    if (!two) return;
    make('td', name(cell[3][k]), row);
    make('td', signed(cell[4][k]), row, 'n');
  });
}

function showTip(cell, title, at) {
  tip.replaceChildren();
  make('p', title, tip);
  models.forEach((model, i) => {
    if (state.s < 2 && i !== state.s) return;
    make('p', (models.length > 1 ? model.title + ': ' : '') + 'favour ' + signed(cell.cells[i][0])
      + (cell.effects[i] === undefined ? '' : ', log p without it ' + signed(cell.effects[i], 3)), tip);
    words(cell.cells[i], make('table', undefined, tip));
  });
  tip.hidden = false;
  const box = at.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 8)) + 'px';
  const below = box.bottom + 6;
  tip.style.top = (below + tip.offsetHeight < innerHeight ? below
    : Math.max(4, box.top - tip.offsetHeight - 6)) + 'px';
}

function drawOwn() {
  const own = find('own');
  own.replaceChildren();
  for (const model of models) {
    const line = make('div', `next token${models.length > 1 ? ' of ' + model.title : ''}:`, own);
    model.model[state.t].forEach(([id, share]) => {
      const word = make('span', undefined, line);
      make('b', name(id), word);
      make('i', (100 * share).toFixed(1) + ' %', word);
    });
  }
}

function drawHeads() {
  const grid = find('grid'), full = most();
  grid.replaceChildren();
  const head = make('tr', undefined, grid);
  ['', ...data.columns].forEach(text => make('th', text, head));
  data.layers.forEach((layer, l) => {
    const row = make('tr', undefined, grid);
    make('th', 'layer ' + layer, row);
    data.columns.forEach((column, h) => {
      const cell = shown(state.s, l, h, state.t), td = make('td', undefined, row), x = value(cell);
      make('b', cell.word, td);
      make('i', signed(cell.favour), td);
      if (cell.effect !== undefined) make('i', 'effect ' + signed(cell.effect), td);
      td.tabIndex = 0;
      td.style.background = `rgb(var(--${x < 0 ? 'down' : 'up'}) / ${
        (0.05 + 0.75 * Math.abs(x) / full).toFixed(3)})`;
      td.onmouseenter = td.onfocus = () => showTip(cell, `layer ${layer}, ${column}`, td);
      td.onmouseleave = td.onblur = () => { tip.hidden = true; };
    });
  });
  find('key').textContent = `full colour: ${state.s > 1 ? 'change of ' : ''}${
    state.c === 'f' ? 'favour' : 'effect'} +${full.toFixed(2)} or -${full.toFixed(2)}`
    + (data.effects ? '; effect: change of log p of the token when the head is removed' : '');
}

function drawStream() {
  const place = find('stream'), grids = models.map(m => m.grids[state.g]), full = fullColour(grids, state.m);
  place.replaceChildren();
  models.forEach((model, i) => {
    const box = make('div', undefined, place, 'run');
    if (models.length > 1) make('h4', model.title, box);
    streamGrid(box, grids[i], data.tokens, name, state.m, full, state.t, t => set({ t }));
  });
}

function draw() {
  tip.hidden = true;
  chips.forEach((c, t) => { c.ariaSelected = t === state.t; c.tabIndex = t === state.t ? 0 : -1; });
  find('side').value = state.s;
  find('colour').value = state.c;
  find('read-by').value = state.g;
  find('measure').value = state.m;
  drawOwn(); drawHeads(); drawStream();
}

const chips = data.tokens.map((id, t) => {
  const chip = make('button', name(id), find('prompt'));
  chip.title = 'position ' + t;
  chip.setAttribute('role', 'option');
  chip.onclick = () => set({ t });
  return chip;
});
if (models.length > 1) {
  root.querySelectorAll('.two').forEach(e => { e.hidden = false; });
  [data.title, data.other.title, 'what changed'].forEach((text, i) => {
    make('option', text, find('side')).value = i;
  });
}
if (data.effects) root.querySelectorAll('.removed').forEach(e => { e.hidden = false; });
data.grids.forEach((grid, g) => { make('option', grid.lens, find('read-by')).value = g; });
find('side').onchange = e => set({ s: Number(e.target.value) });
find('colour').onchange = e => set({ c: e.target.value });
find('read-by').onchange = e => set({ g: Number(e.target.value) });
find('measure').onchange = e => set({ m: e.target.value });
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(SELECT|INPUT|TEXTAREA)$/.test(e.target.tagName)) return;
  const step = (e.key === 'ArrowRight') - (e.key === 'ArrowLeft');
  const change = step ? { t: Math.max(0, Math.min(chips.length - 1, state.t + step)) }
    : { o: () => next('s'), c: () => next('c'), g: () => next('g'), m: () => next('m') }[e.key]?.();
  if (!change) return;
  e.preventDefault();
  set(change);
  if (step && chips.includes(document.activeElement)) chips[state.t].focus();
});
addEventListener('hashchange', () => { readHash(); draw(); });

// Called behind stream-grid.js, whose constants it needs.
function start() {
  readHash();
  draw();
}
