// What is written, what adds to a logit, how the prediction forms, and what differs between two runs.
function drawWords() {
  const place = find('words-of');
  place.replaceChildren();
  for (const run of runs) {
    const box = make('div', undefined, place, 'run'), t = Math.min(state.t, run.T - 1);
    make('h4', `${runs.length > 1 ? run.title + ', ' : ''}after "${name(run.tokens[t])}" (${t})`, box);
    const table = make('table', undefined, make('div', undefined, box, 'scroll'), 'words');
    const top = make('tr', undefined, table);
    ['lens', `head ${state.l}.${state.h}`, `layer ${state.l}`].forEach(text => make('th', text, top));
    for (const lens of run.words) {
      const at = lens.layers.indexOf(state.l), row = make('tr', undefined, table);
      make('td', lens.name, row);
      for (const [column, slot] of [state.h, lens.slots - 1].entries()) {
        const cell = make('td', undefined, row);
        if (at < 0 || (column === 0 && lens.slots === 1)) { cell.textContent = '-'; continue; }
        const first = ((at * lens.slots + slot) * run.T + t) * lens.top;
        cell.textContent = [...Array(lens.top).keys()]
          .map(i => `${data.words[lens.ids[first + i]]} ${signed(lens.logits[first + i] / 100)}`).join('   ');
      }
    }
    const own = make('p', 'the model: ' + run.next[t].map(([id, p]) =>
      `${name(id)} ${(100 * p).toFixed(1)} %`).join('   '), box);
    own.className = 'say';
  }
}

const toward = (run, t, p) => run.part(t, p, state.a) - (state.b < 0 ? 0 : run.part(t, p, state.b));

function drawParts() {
  const a = name(data.chosen[state.a]), b = state.b < 0 ? null : name(data.chosen[state.b]);
  const place = find('parts'), sums = [];
  place.replaceChildren();
  for (const run of runs) {
    const box = make('div', undefined, place, 'run'), t = Math.min(state.t, run.T - 1);
    if (runs.length > 1) make('h4', run.title, box);
    partsTable(box, p => toward(run, t, p));
    const rest = data.parts.map((part, p) => [part, p]).filter(([part]) => part.layer === undefined);
    make('p', rest.map(([part, p]) => `${part.name} ${signed(toward(run, t, p))}`).join(', '), box).className = 'say';
    sums.push(data.parts.reduce((sum, _, p) => sum + toward(run, t, p), 0));
  }
  find('sum').textContent = (b === null ? `logit of "${a}"` : `logit of "${a}" less that of "${b}"`)
    + ': ' + sums.map(x => signed(x)).join(' and ') + ', the sum of all parts';
}

function drawStream() {
  const place = find('stream'), grids = runs.map(run => run.grids[state.g]);
  place.replaceChildren();
  const most = fullColour(grids, state.m);
  runs.forEach((run, i) => {
    const box = make('div', undefined, place, 'run');
    if (runs.length > 1) make('h4', run.title, box);
    streamGrid(box, grids[i], run.tokens, name, state.m, most, state.t, t => set({ t }));
  });
}

function drawChange() {
  if (runs.length < 2) return;
  find('both').hidden = false;
  const [first, second] = runs, place = find('change');
  place.replaceChildren();
  const same = first.T === second.T, t = Math.min(state.t, first.T - 1), u = Math.min(state.t, second.T - 1);
  const left = make('div', undefined, place, 'run'), right = make('div', undefined, place, 'run');
  make('h4', 'distance of patterns', left);
  if (!same) make('p', 'The prompts have different lengths, so their patterns have no common positions.', left);
  else partsTable(left, p => {
    const part = data.parts[p];
    if (part.head === undefined) return null;
    const a = attention(first, part.layer, part.head, '', state.kind);
    const b = attention(second, part.layer, part.head, '', state.kind);
    return a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0) / 2 / first.T;
  });
  make('h4', 'difference of what is added', right);
  partsTable(right, p => toward(second, u, p) - toward(first, t, p));
}

function draw() {
  find('tokens').replaceChildren(...runs.map(run => {
    const row = make('div', undefined, undefined, 'chips');
    row.setAttribute('role', 'listbox');
    run.tokens.forEach((id, t) => {
      const chip = make('button', name(id), row);
      chip.title = 'position ' + t;
      chip.setAttribute('role', 'option');
      chip.ariaSelected = t === Math.min(state.t, run.T - 1);
      chip.onclick = () => set({ t });
    });
    return row;
  }));
  find('head').value = `${state.l}.${state.h}`;
  for (const key of ['kind', 'avg', 'a', 'b']) find(key).value = state[key];
  find('measure').value = state.m;
  find('read-by').value = state.g;
  drawMaps(); drawHead(); drawWords(); drawParts(); drawStream(); drawChange();
}

for (let l = 0; l < L; l++) for (let h = 0; h < H; h++) make('option', `${l}.${h}`, find('head'));
make('option', '-', find('b')).value = -1;
data.chosen.forEach((id, k) => {
  for (const key of ['a', 'b']) make('option', name(id), find(key)).value = k;
});
find('head').onchange = e => {
  const [l, h] = e.target.value.split('.').map(Number);
  set({ l, h, avg: '' });
};
for (const key of ['kind', 'avg']) find(key).onchange = e => set({ [key]: e.target.value });
for (const key of ['a', 'b']) find(key).onchange = e => set({ [key]: Number(e.target.value) });
runs[0].grids.forEach((grid, g) => { make('option', grid.lens, find('read-by')).value = g; });
find('read-by').onchange = e => set({ g: Number(e.target.value) });
find('measure').onchange = e => set({ m: e.target.value });
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(SELECT|INPUT|TEXTAREA)$/.test(e.target.tagName)) return;
  const next = { '': 'l', l: 'a', a: '' };
  const moves = {
    ArrowLeft: () => ({ t: state.t - 1 }), ArrowRight: () => ({ t: state.t + 1 }),
    ArrowUp: () => ({ l: state.l - 1 }), ArrowDown: () => ({ l: state.l + 1 }),
    ',': () => ({ h: state.h - 1 }), '.': () => ({ h: state.h + 1 }),
    g: () => ({ g: (state.g + 1) % runs[0].grids.length }),
    m: () => ({ m: 'perk'['perk'.indexOf(state.m) + 1] ?? 'p' }),
    v: () => ({ kind: state.kind === 'p' ? 'w' : 'p' }), a: () => ({ avg: next[state.avg] }),
  };
  if (!moves[e.key]) return;
  e.preventDefault();
  set(moves[e.key]());
});
addEventListener('hashchange', () => { readHash(); draw(); });
let waiting;
addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
matchMedia('(prefers-color-scheme:dark)').addEventListener('change', draw);
readHash();
draw();
