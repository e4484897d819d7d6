// From answers of the server to the runs that the page draws: the clean one, and beside it the edited one.
const TOP = 8;

// The edits of a request whose first row is clean. They come as the link or the spec has them.
// Where the prompt is cut, its last token is not there, and an edit of that token is none.
const rowsOf = ids => [{ ids }, ...state.edits.length ? [{ ids }] : []];
const spread = (rows, cut = false, extra = []) => {
  const edits = [
    ...state.edits.filter(edit => !cut || edit.positions !== 'last').map(edit => ({ ...edit, rows: [1] })),
    ...extra.map((edit, i) => ({ ...edit, rows: [rows.length + i] })),
  ];
  return { inputs: [...rows, ...extra.map(() => rows[0])], ...edits.length && { edits } };
};

const list = read => read.top.map(row => row.map(({ id, token, prob }) => {
  learn(id, token);
  return [id, prob];
}));

async function fetchRuns() {
  const ids = await idsOfPrompt(), room = data.model.context - ids.length;
  if (room < 1) throw new Refusal(`The prompt has ${ids.length} tokens; the context is ${data.model.context}.`, 0);
  const answer = await run({
    ...spread(rowsOf(ids)), logits: false,
    reads: [{ site: 'blocks.*.attn.hook_pattern' }, { site: 'blocks.*.hook_resid_post', reduce: 'topk:' + TOP }],
    generate: { max_tokens: Math.min(state.n, room) },
  });
  return answer.results.map((result, i) => {
    const T = ids.length, maps = layersOf('attn.hook_pattern', l => floats(result.reads[l]));
    const stream = layersOf('hook_resid_post', l => list(result.reads[l]));
    return {
      title: i ? 'with the changes' : 'clean', tokens: ids, T, stream, next: stream[L - 1],
      pattern: (l, h, q, k) => maps[l][(h * T + q) * T + k], text: result.generated.text,
      made: result.generated.ids,
      grid: { lens: 'logit lens', places: stream.map((_, l) => l === L - 1 ? 'end' : 'after ' + l),
        cells: stream.map(row => row.map(t => [t[0][0], t[1][0], t[2][0], t[0][1]])) },
    };
  });
}
const layersOf = (site, make) => [...Array(L).keys()].map(l => make(`blocks.${l}.${site}`));

// The lens that was chosen, as the server describes it; the first one is the logit lens.
const lensNow = () => data.facts.lenses.find(lens => lens.name === state.lens) ?? data.facts.lenses[0];

// What heads and layers write after a token as the lens reads it, what feed-forward blocks write as the
// unembedding reads it, and the largest neurons there.
async function fetchWords(t) {
  const ids = runs[0].tokens, at = { positions: [t] }, lens = lensNow();
  const answer = await run({ ...spread(rowsOf(ids)), logits: false, lens: { name: lens.name, ...at, top: 5 },
    reads: [{ site: 'blocks.*.hook_mlp_out', ...at, reduce: 'topk:5' }, { site: 'blocks.*.mlp.hook_post', ...at }] });
  return answer.results.map(({ reads, lens: { layers } }) => {
    const found = [...Array(L).keys()].map(l => layers.find(({ layer }) => layer === l));
    return {
      lens, layers: found.map(layer => placeOf(layer?.whole)),
      heads: found.map(layer => layer?.heads.map(head => placeOf(head.words)) ?? []),
      mlp: layersOf('hook_mlp_out', l => list(reads[l])[0]),
      neurons: layersOf('mlp.hook_post', l => floats(reads[l])),
    };
  });
}

// What a lens reads at one place: words with their logits, and the favour; null where it has no such layer.
const placeOf = words => words ? { favour: words[0].favour,
  top: words[0].top.map(({ id, token, logit }) => {
    learn(id, token);
    return [id, logit];
  }) } : null;

// Direct attribution of the logit of a less that of b, after token t, with the scale of the final LayerNorm
// held where it is: a part v adds (v - mean v) . w / scale, w the LayerNorm's weight times the difference of the
// unembeddings. The server gives the gradient at the end of the stream, which is
// (w - mean w - x mean(w x)) / scale with x the normalised stream. mean(w x) is what the stream adds in all,
// over the width, and that is the difference of logits less the difference where the stream is zero.
async function fetchParts(t, a, b) {
  const ids = runs[0].tokens.slice(0, t + 1), at = { positions: [-1] }, end = `blocks.${L - 1}.hook_resid_post`;
  const rows = rowsOf(ids), answer = await run({
    ...spread(rows, t < runs[0].T - 1, [{ site: end, op: 'zero' }]),
    reads: ['blocks.*.attn.hook_result', 'blocks.*.hook_attn_out', 'blocks.*.hook_mlp_out',
      'blocks.0.hook_resid_pre', end, 'ln_final.hook_scale'].map(site => ({ site, ...at })),
    grads: { of: `logit-diff:${a},${b}`, at: [end] },
  });
  const difference = result => { const logits = floats(result.logits_last); return logits[a] - logits[b]; };
  const bias = difference(answer.results[rows.length]);
  return answer.results.slice(0, rows.length).map(result => {
    const value = site => floats(result.reads[site]), scale = value('ln_final.hook_scale')[0];
    const stream = value(end), C = stream.length, mean = v => v.reduce((sum, x) => sum + x, 0) / C;
    const middle = mean(stream), gradient = floats(result.grads[end]).slice(-C), logit = difference(result);
    const share = (logit - bias) / C;
    const w = gradient.map((g, i) => scale * g + (stream[i] - middle) / scale * share);
    const adds = v => { const m = mean(v); return v.reduce((sum, x, i) => sum + (x - m) * w[i], 0) / scale; };
    const heads = layersOf('attn.hook_result', l => {
      const all = value(l);
      return [...Array(H).keys()].map(h => adds(all.slice(h * C, (h + 1) * C)));
    });
    const attention = layersOf('hook_attn_out', l => adds(value(l)));
    const mlp = layersOf('hook_mlp_out', l => adds(value(l))), embedding = adds(value('blocks.0.hook_resid_pre'));
    const sum = row => row.reduce((total, x) => total + x, 0);
    return { logit, bias, embedding, heads, mlp, rest: attention.map((x, l) => x - sum(heads[l])),
      other: logit - bias - embedding - sum(attention) - sum(mlp) };
  });
}
