// Edits as the spec has them: made by a click, shown in a list, changed by a slider.
const siteOfHead = (l, h) => ({ site: `blocks.${l}.attn.hook_z`, head: h });
const siteOfNeuron = (l, n) => ({ site: `blocks.${l}.mlp.hook_post`, neurons: [n] });
const same = (one, other) => one.site === other.site && one.head === other.head
  && String(one.neurons) === String(other.neurons);
const editAt = place => state.edits.find(edit => edit.op !== 'add' && same(edit, place));

// Puts an edit in the place of the one that is there; the same edit again takes it away.
function change(place, edit) {
  const old = editAt(place), edits = state.edits.filter(e => e !== old);
  if (!old || old.op !== edit.op) edits.push({ site: place.site, ...edit, ...place });
  set({ edits }, 'run');
}

const alter = (i, alpha) => set({ edits: state.edits.map((e, j) => j === i ? { ...e, alpha } : e) }, 'soon');
const inWords = ({ site, op, alpha, head, heads, neurons, positions, value }) => {
  const at = site + (head === undefined ? '' : ` head ${head}`) + (heads ? ` heads ${heads}` : '')
    + (neurons ? ` neurons ${neurons}` : '')
    + (positions && positions !== 'all' ? `, ${JSON.stringify(positions)}` : '');
  if (op === 'zero') return `${at}: off`;
  if (op === 'scale') return `${at}: times ${alpha}`;
  const of = value?.unembed !== undefined ? `the unembedding of "${value.unembed}"` : JSON.stringify(value);
  return op === 'add' ? `${at}: plus ${alpha ?? 1} times ${of}` : `${at}: ${op} ${of ?? ''}`;
};

function drawEdits() {
  const place = find('changes'), held = document.activeElement?.dataset?.slider;
  place.replaceChildren();
  if (!state.edits.length) make('p', 'Nothing yet. Switch off a head or a neuron, or inject a memory.', place);
  state.edits.forEach((edit, i) => {
    const row = make('div', undefined, place, 'change');
    const words = make('code', inWords(edit), row);
    if (edit.op === 'scale' || edit.op === 'add') {
      const label = make('label', edit.op === 'add' ? 'tau' : 'factor', row);
      const slider = make('input', undefined, label);
      const most = Math.max(edit.op === 'add' ? 16 : 3, Math.ceil(Math.abs(edit.alpha ?? 1)));
      Object.assign(slider, { type: 'range', min: -most, max: most, step: edit.op === 'add' ? 0.25 : 0.05 });
      slider.value = edit.alpha ?? 1;
      slider.dataset.slider = i;
      slider.setAttribute('aria-label', inWords({ ...edit, alpha: edit.op === 'add' ? 'tau' : 'factor' }));
      slider.oninput = () => {
        const alpha = Number(slider.value);
        words.textContent = inWords({ ...edit, alpha });
        alter(i, alpha);
      };
      if (held === String(i)) slider.focus();
    }
    const away = make('button', 'Remove', row);
    away.type = 'button';
    away.setAttribute('aria-label', 'Remove ' + inWords(edit));
    away.onclick = () => set({ edits: state.edits.filter(e => e !== edit) }, 'run');
  });
  const head = siteOfHead(state.l, state.h), off = editAt(head)?.op === 'zero';
  find('chosen').textContent = `Head ${state.l}.${state.h}:`;
  find('off').textContent = off ? 'Switch the head on' : 'Switch the head off';
}

function drawNeurons() {
  const place = find('neurons'), all = words[0]?.neurons[state.l];
  const held = document.activeElement?.dataset?.neuron;
  place.replaceChildren();
  if (!all) return;
  find('neuron').max = all.length - 1;
  const largest = [...all.keys()].sort((i, j) => Math.abs(all[j]) - Math.abs(all[i])).slice(0, 12);
  for (const n of largest) {
    const button = make('button', `${state.l}.${n} ${signed(all[n])}`, place), at = siteOfNeuron(state.l, n);
    button.type = 'button';
    button.dataset.neuron = n;
    button.ariaPressed = editAt(at)?.op === 'zero';
    button.setAttribute('aria-label', `neuron ${n} of layer ${state.l}, ${signed(all[n])}, switched off`);
    button.onclick = () => change(at, { op: 'zero' });
    if (held === String(n)) button.focus();
  }
}

function wireEdits() {
  find('off').onclick = () => change(siteOfHead(state.l, state.h), { op: 'zero' });
  find('scale').onclick = () => change(siteOfHead(state.l, state.h), { op: 'scale', alpha: 2 });
  const neuron = () => siteOfNeuron(state.l, Math.max(0, Math.round(Number(find('neuron').value) || 0)));
  find('neuron-off').onclick = () => change(neuron(), { op: 'zero' });
  find('neuron-scale').onclick = () => change(neuron(), { op: 'scale', alpha: 2 });
  find('memory-add').onclick = () => {
    const text = find('memory').value, tau = Number(find('memory-tau').value);
    if (!text || !isFinite(tau)) return complain('A memory needs a text, and tau is a number.');
    const at = find('memory-at').value;
    set({ edits: [...state.edits, { site: `blocks.${find('memory-layer').value}.hook_attn_out`, op: 'add', alpha: tau,
      ...at !== 'all' && { positions: at }, value: { unembed: text } }] }, 'run');
  };
}
