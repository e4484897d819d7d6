// The explorer: a state, its address, and what is drawn of it.
data.names ??= {};
data.parts = [];
let runs = [], words = [], sums = null, L = 0, H = 0;
const state = { model: '', prompt: 'The capital of Japan is', n: 8, t: 1e6, to: -1, l: 0, h: 0, kind: 'p', avg: '',
  lens: 'logit', a: -1, b: -1, edits: [] };
const numbers = { n: [1, 512], t: [0, 1e6], to: [-1, 1e6], l: [0, 1e6], h: [0, 1e6], a: [-1, 1e9], b: [-1, 1e9] };

function clamp() {
  for (const [key, [low, high]] of Object.entries(numbers))
    state[key] = Math.max(low, Math.min(high, Math.round(state[key]) || 0));
  if (L) {
    state.l = Math.min(state.l, L - 1);
    state.h = Math.min(state.h, H - 1);
  }
  if (runs.length) state.t = Math.min(state.t, runs[0].T - 1);
  state.to = Math.min(state.to, state.t);
}

// Only what an edit may have; the server judges it.
const isEdit = edit => typeof edit?.site === 'string' && typeof edit.op === 'string';
function take(key, value) {
  if (key in numbers && value !== '' && isFinite(value)) state[key] = Number(value);
  if (['model', 'prompt', 'lens'].includes(key)) state[key] = String(value);
  if (key === 'avg' && ['', 'l', 'a'].includes(value)) state.avg = value;
  if (key === 'edits' && Array.isArray(value) && value.every(isEdit)) state.edits = value;
}
function readHash() {
  for (const pair of location.hash.slice(1).split('&')) {
    const at = pair.indexOf('=');
    try {
      const key = pair.slice(0, at), value = decodeURIComponent(pair.slice(at + 1));
      take(key, key === 'edits' ? JSON.parse(value) : value);
    } catch { complain('The address is damaged; what could be read of it is shown.'); }
  }
  clamp();
}
const hash = () => '#' + Object.entries(state).filter(([key]) => key !== 'kind')
  .map(([key, value]) => key + '=' + encodeURIComponent(key === 'edits' ? JSON.stringify(value) : value)).join('&');

// Changes the state. What the server has to say of it is asked for at once, or soon while a slider moves.
let later, stale = true; // whether the runs are of an older state
function set(change, need = 'place') {
  const asked = () => JSON.stringify([state.t, state.a, state.b, state.lens]), before = asked();
  Object.assign(state, change);
  clamp();
  history.replaceState(null, '', hash());
  clearTimeout(later);
  stale ||= need !== 'place';
  if (need === 'run') return attempt(renew);
  if (need === 'soon') {
    later = setTimeout(() => attempt(renew), 200);
    return undefined;
  }
  draw();
  return before === asked() ? undefined
    : attempt(stale ? renew : renewPlace);
}

const complain = message => { find('alert').textContent = message; };
let turn = 0;
// Runs one piece of work; a newer one ends it, and what it could not do is said in one line.
async function attempt(work) {
  const mine = ++turn;
  gone.abort();
  gone = new AbortController();
  find('busy').textContent = 'The model runs\u2026';
  complain('');
  try {
    await work(() => mine === turn);
    if (mine === turn) find('busy').textContent = '';
  } catch (error) {
    if (mine !== turn || error.name === 'AbortError') return;
    find('busy').textContent = '';
    if (error.status === 401) {
      find('locked').hidden = false;
      find('key').focus();
    }
    complain(error.message);
    if (!(error instanceof Refusal)) throw error;
  }
  root.dataset.turn = mine; // the page is at rest
}

async function renew(current) {
  if (!data.models) await readModels(current);
  if (!current()) return;
  chooseModel();
  const fresh = await fetchRuns();
  if (!current()) return;
  // Another prompt has other positions.
  if (runs.length && runs[0].tokens.join() !== fresh[0].tokens.join())
    Object.assign(state, { t: 1e6, to: -1, a: -1, b: -1 });
  runs = fresh;
  stale = false;
  cached.clear();
  clamp();
  history.replaceState(null, '', hash());
  find('shown').hidden = false;
  draw();
  await renewPlace(current);
}

async function renewPlace(current) {
  if (!runs.length) return;
  const t = state.t, found = await fetchWords(t);
  if (!current()) return;
  words = found;
  sums = null;
  draw();
  const [a, b] = targets();
  if (a === b) return;
  const parts = await fetchParts(t, a, b);
  if (!current()) return;
  sums = parts;
  draw();
}

async function readModels(current) {
  const models = await ask('/v1/models'), facts = await ask('/v1/headtap/capabilities');
  if (!current()) return;
  find('locked').hidden = true;
  Object.assign(data, { models: models.data, capabilities: facts });
  find('model').replaceChildren();
  for (const { id } of data.models) make('option', id, find('model')).value = id;
}

function chooseModel() {
  if (!data.models.length) throw new Refusal('The server is still loading its models.', 503);
  if (!data.models.some(m => m.id === state.model)) state.model = data.models[0].id;
  find('model').value = state.model;
  const model = data.models.find(m => m.id === state.model).headtap;
  if (data.model !== model) enter(model);
  if (lensNow().name === state.lens) return;
  complain(`The model has no lens "${state.lens}" here; the logit lens is shown.`);
  state.lens = lensNow().name;
}

function enter(model) {
  data.model = model;
  data.facts = data.capabilities.models.find(m => m.model === state.model);
  [L, H, runs, words, sums] = [model.layers, model.heads, [], [], null];
  data.names = {};
  data.parts = [...Array(L).keys()].flatMap(layer => [
    ...[...Array(H).keys()].map(head => ({ layer, head })), { layer, kind: 'rest' }, { layer, kind: 'mlp' },
  ]);
  find('head').replaceChildren();
  for (let l = 0; l < L; l++) for (let h = 0; h < H; h++) make('option', `${l}.${h}`, find('head'));
  find('memory-layer').replaceChildren();
  for (let l = 0; l < L; l++) make('option', String(l), find('memory-layer')).value = l;
  find('memory-layer').value = Math.floor(L / 2);
  find('lens').replaceChildren();
  for (const { name: text, kind } of data.facts.lenses)
    make('option', kind === 'logit' ? 'logit lens' : `${text} (${kind})`, find('lens')).value = text;
}

// The two tokens whose logits are split: those of the address, or the clean run's likeliest.
function targets() {
  const likely = runs[0].next[state.t];
  const a = state.a in data.names ? state.a : likely[0][0];
  return [a, state.b in data.names && state.b !== a ? state.b : likely.find(([id]) => id !== a)[0]];
}

function drawAnswers() {
  const place = find('answers'), t = state.t;
  place.replaceChildren();
  const clean = new Map(runs[0].next[t]);
  for (const one of runs) {
    const box = make('div', undefined, place, 'run');
    make('h4', one.title, box);
    const answer = make('div', asIds() ? '' : state.prompt, box, 'answer');
    make('b', asIds() ? one.made.join(' ') : one.text, answer);
    const table = make('table', undefined, make('div', undefined, box, 'scroll'), 'next');
    make('caption', `next after "${name(one.tokens[t])}" (${t})`, table);
    const top = make('tr', undefined, table);
    for (const text of ['token', 'probability', ...one === runs[0] ? [] : ['clean']])
      make('th', text, top).scope = 'col';
    for (const [id, p] of one.next[t]) {
      const row = make('tr', undefined, table), percent = x => (100 * x).toFixed(2) + ' %';
      row.dataset.token = id;
      row.dataset.p = p;
      make('td', name(id), row);
      make('td', percent(p), row, 'n');
      if (one !== runs[0]) make('td', clean.has(id) ? percent(clean.get(id)) : 'below', row, 'n');
    }
  }
}

function drawTokens() {
  const chosen = document.activeElement?.getAttribute?.('role') === 'option';
  find('tokens').replaceChildren();
  const row = make('div', undefined, find('tokens'), 'chips');
  row.setAttribute('role', 'listbox');
  row.setAttribute('aria-label', 'tokens of the prompt');
  runs[0].tokens.forEach((id, t) => {
    const chip = make('button', name(id), row);
    chip.type = 'button';
    chip.title = 'position ' + t;
    chip.setAttribute('role', 'option');
    chip.ariaSelected = t === state.t;
    chip.onclick = () => set({ t, to: -1 });
    if (chosen && t === state.t) chip.focus();
  });
}

// What a lens reads at a place, as a line of words with their logits and the favour.
const inLens = place => place ? place.top.map(([id, logit]) => `${name(id)} ${signed(logit)}`).join(', ')
  + `; favour ${signed(place.favour)}` : 'the lens does not have this layer';

function drawWrites() {
  const place = find('writes');
  place.replaceChildren();
  const all = words.flatMap(one => [...one.heads.flat(), ...one.layers]);
  const most = Math.max(...all.map(at => Math.abs(at?.favour ?? 0)));
  words.forEach((one, i) => {
    const { lens } = one, box = make('div', undefined, place, 'run'), heads = lens.heads ? H : 0;
    if (words.length > 1) make('h4', i ? 'with the changes' : 'clean', box);
    const table = make('table', undefined, make('div', undefined, box, 'scroll'), 'grid');
    const top = make('tr', undefined, table);
    ['', ...Array(heads).keys(), lens.layers_are, 'mlp'].forEach(text => make('th', text, top).scope = 'col');
    for (let l = 0; l < L; l++) {
      const tr = make('tr', undefined, table);
      make('th', l, tr).scope = 'row';
      [...Array(heads).keys(), -1].forEach(h => {
        const at = h < 0 ? one.layers[l] : one.heads[l][h], td = make('td', at ? name(at.top[0][0]) : '', tr);
        td.title = (h < 0 ? `layer ${l}, ${lens.layers_are}: ` : `head ${l}.${h}: `) + inLens(at);
        if (at) {
          make('small', signed(at.favour, 1), td);
          td.style.background = shade(at.favour, most);
        }
        if (l === state.l && h === (heads ? state.h : -1)) td.className = 'on';
        td.onclick = () => set({ l, ...h >= 0 && { h }, avg: '' });
      });
      const td = make('td', name(one.mlp[l][0][0]), tr), percent = p => (100 * p).toFixed(1) + ' %';
      make('small', percent(one.mlp[l][0][1]), td);
      td.title = `mlp ${l}: ` + one.mlp[l].map(([id, p]) => `${name(id)} ${percent(p)}`).join(', ');
    }
    if (heads) make('p', `head ${state.l}.${state.h}: ` + inLens(one.heads[state.l][state.h]), box, 'say');
    make('p', `layer ${state.l}, ${lens.layers_are}: ` + inLens(one.layers[state.l]), box, 'say');
  });
}

function drawParts() {
  const [a, b] = targets(), place = find('parts');
  for (const [key, chosen] of [['a', a], ['b', b]]) {
    const likely = runs.flatMap(one => one.next[state.t].map(([id]) => id));
    find(key).replaceChildren();
    for (const id of new Set([...likely, a, b])) make('option', name(id), find(key)).value = id;
    find(key).value = chosen;
  }
  place.replaceChildren();
  find('sum').textContent = sums ? `logit of "${name(a)}" less that of "${name(b)}": `
    + sums.map(one => signed(one.logit, 3)).join(' and ') : '';
  sums?.forEach((one, i) => {
    const box = make('div', undefined, place, 'run');
    if (sums.length > 1) make('h4', i ? 'with the changes' : 'clean', box);
    partsTable(box, p => {
      const { layer, head, kind } = data.parts[p];
      return kind ? one[kind][layer] : one.heads[layer][head];
    });
    make('p', `embedding ${signed(one.embedding)}, bias of the final LayerNorm ${signed(one.bias)}`
      + (Math.abs(one.other) < 0.005 ? '' : `, changes of the stream itself ${signed(one.other)}`)
      + '; what is added to attention counts as its bias', box, 'say');
  });
}

function drawStream() {
  const place = find('stream');
  place.replaceChildren();
  runs.forEach(one => {
    const box = make('div', undefined, place, 'run');
    if (runs.length > 1) make('h4', one.title, box);
    streamGrid(box, one.grid, one.tokens, name, 'p', 1, state.t, t => set({ t, to: -1 }));
  });
}

function draw() {
  if (!runs.length) return;
  find('prompt').value = state.prompt;
  find('count').value = state.n;
  find('head').value = `${state.l}.${state.h}`;
  find('avg').value = state.avg;
  find('lens').value = state.lens;
  drawTokens(); drawAnswers(); drawEdits(); drawMaps(); drawHead(); drawWrites(); drawNeurons(); drawParts();
  drawStream(); drawCalls();
  if (state.to >= 0) say([runs[0], state.t, state.to]);
  for (const canvas of find('maps').querySelectorAll('canvas')) describe(canvas, 'attention of every head');
  for (const canvas of find('heads').querySelectorAll('canvas')) describe(canvas, find('large').textContent);
}
const describe = (canvas, text) => {
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', text);
};

function start() {
  for (const [key, value] of Object.entries(data.saved?.state ?? {})) take(key, value);
  readHash();
  find('prompt').value = state.prompt;
  find('count').value = state.n;
  find('ask').onsubmit = e => {
    e.preventDefault();
    secret = find('key').value.trim();
    set({ model: find('model').value || state.model, prompt: find('prompt').value,
      n: Number(find('count').value) }, 'run');
  };
  find('model').onchange = e => set({ model: e.target.value, prompt: find('prompt').value, lens: 'logit',
    edits: [] }, 'run');
  find('head').onchange = e => {
    const [l, h] = e.target.value.split('.').map(Number);
    set({ l, h, avg: '' });
  };
  find('avg').onchange = e => set({ avg: e.target.value });
  find('lens').onchange = e => set({ lens: e.target.value });
  for (const key of ['a', 'b']) find(key).onchange = e => set({ [key]: Number(e.target.value) });
  wireEdits();
  wireSaves();
  find('save-page').hidden = Boolean(data.saved);
  addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || !runs.length) return;
    if (/^(SELECT|INPUT|TEXTAREA)$/.test(e.target.tagName)) return;
    const names = data.facts.lenses.map(lens => lens.name);
    const after = name => names[(names.indexOf(name) + 1) % names.length];
    const next = { '': 'l', l: 'a', a: '' }, to = state.to < 0 ? state.t : state.to;
    const moves = {
      ArrowLeft: () => e.shiftKey ? { to: Math.max(0, to - 1) } : { t: Math.max(0, state.t - 1), to: -1 },
      ArrowRight: () => e.shiftKey ? { to: to + 1 } : { t: state.t + 1, to: -1 },
      ArrowUp: () => ({ l: state.l - 1 }), ArrowDown: () => ({ l: state.l + 1 }),
      ',': () => ({ h: state.h - 1 }), '.': () => ({ h: state.h + 1 }), a: () => ({ avg: next[state.avg] }),
      w: () => ({ lens: after(state.lens) }),
    };
    if (e.key === 'o') find('off').click();
    if (!moves[e.key]) return;
    e.preventDefault();
    set(moves[e.key]());
  });
  addEventListener('hashchange', () => { readHash(); attempt(renew); });
  let waiting;
  addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
  matchMedia('(prefers-color-scheme:dark)').addEventListener('change', draw);
  attempt(renew);
}
start();
