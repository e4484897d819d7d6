// What can be taken along: the spec, the page, figures, and the calls that do the same.
const spec = () => JSON.stringify({ edits: state.edits }, null, 2) + '\n';

function save(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The page as the server sent it, with every answer that it holds. It asks no one.
function savedPage(page) {
  const held = { state, answers: Object.fromEntries(kept), from: location.origin };
  const json = JSON.stringify({ names: {}, saved: held }).replace(/</g, '\\u003c');
  const policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    + 'script-src \'unsafe-inline\'; style-src \'unsafe-inline\'">';
  return page.replace(/<script type="application\/json">[^<]*<\/script>/,
    () => '<script type="application/json">' + json + '<\/script>').replace('<head>', () => '<head>' + policy);
}

const inShell = text => '\'' + text.replaceAll('\'', '\'\\\'\'') + '\'';
const inCSharp = text => '"' + text.replace(/[\\"]/g, c => '\\' + c)
  .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')) + '"';
const beginsText = () => data.facts?.begins_texts && runs[0]?.tokens[0] === data.facts.begin_of_text;
const asIds = () => data.facts && !data.facts.tokenizer;

function drawCalls() {
  const prompt = asIds() ? '--ids ' + runs[0].tokens.join(',')
    : (beginsText() ? '--bos ' : '') + '--text ' + inShell(state.prompt);
  const edit = state.edits.length ? ' \\\n  --edit edit.json' : '', lens = lensNow(), learned = lens.kind !== 'logit';
  find('lens-folder').textContent = learned ? `, LENS that of the lens "${lens.name}"` : '';
  find('shell').textContent = [
    `headtap generate --model FOLDER ${prompt} \\\n  --max-new-tokens ${state.n} --greedy${edit}`,
    `headtap trace --model FOLDER ${prompt} \\\n  --sites 'blocks.*.attn.hook_pattern,blocks.*.hook_resid_post' `
      + `--out trace.safetensors${edit}`,
    `headtap lens read --model FOLDER ${prompt} \\\n  --lens ${learned ? 'LENS' : 'logit'} `
      + `--position ${state.t}${edit}`,
  ].join('\n');
  const tokens = asIds() ? `[${runs[0].tokens.join(', ')}]`
    : `[${beginsText() ? 'model.Config.BosToken!.Value, ' : ''}.. tokenizer.Encode(${inCSharp(state.prompt)})]`;
  const text = asIds() ? [] : ['ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);'];
  find('csharp').textContent = [
    'using HeadTap.Lens;', 'using HeadTap.Models;', 'using HeadTap.Runtime;', '', 'string folder = args[0];',
    'using ComputeDevice device = ComputeDevice.Open("auto");',
    'using LanguageModel model = LanguageModel.Load(device, folder);', ...text, `int[] tokens = ${tokens};`,
    'using var session = new ModelSession(model, new SessionOptions',
    '{', `    MaxTokens = tokens.Length, Logits = LogitsAt.Last, Record = [Site.Pattern(${state.l})],`, '});',
    'session.Forward(new SequenceBatch([tokens]));', 'float[] clean = session.Logits.ToArray();',
    ...learned ? [`string lensFolder = args[1]; // of the lens ${inCSharp(lens.name)}`] : [],
    `LensSource lens = LensSource.Find(${learned ? 'lensFolder' : 'LensSource.Logit'}, model.Config, `
      + 'ModelFolder.Hash(folder));',
    'var asked = new LensRequest(lens.Layers, '
      + `[.. Enumerable.Range(0, ${lens.heads ? 'model.Config.Heads' : '0'})], Top: 5);`,
    `LensReadings written = LensReadings.OfPrompt(model, lens, asked, tokens, [${state.t}]);`,
    ...state.edits.length ? [
      `using (model.Attach(EditSpec.Read("edit.json"${asIds() ? '' : ', text => tokenizer.Encode(text)'})))`, '{',
      '    session.Forward(new SequenceBatch([tokens]));', '    float[] edited = session.Logits.ToArray();',
      `    LensReadings rewritten = LensReadings.OfPrompt(model, lens, asked, tokens, [${state.t}]);`, '}',
    ] : [],
  ].join('\n');
}

// Figures. Colours are written out, so that a file looks alike everywhere.
const escape = text => text.replace(/[&<>"]/g, c => '&#' + c.charCodeAt(0) + ';')
  .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
const svgFile = (width, height, body) => '<svg xmlns="http://www.w3.org/2000/svg" '
  + `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" `
  + 'font-family="system-ui,sans-serif" font-size="11">'
  + `<rect width="${width}" height="${height}" fill="#fff"/>${body}</svg>\n`;
const label = (x, y, text, anchor = 'start') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#24292f">${escape(String(text))}</text>`;

// Squares of one of sixteen strengths are one path, so that many heads stay a small file.
function squares(map, T, x, y, cell, strength = p => p) {
  const paths = Array.from({ length: 17 }, () => '');
  for (let q = 0; q < T; q++) for (let k = 0; k <= q; k++) {
    const level = Math.round(16 * Math.min(1, strength(map[q * T + k])));
    const at = v => Number(v.toFixed(2));
    if (level) paths[level] += `M${at(x + k * cell)} ${at(y + q * cell)}h${at(cell)}v${at(cell)}h${-at(cell)}z`;
  }
  return `<rect x="${x}" y="${y}" width="${T * cell}" height="${T * cell}" fill="#f4f6f8"/>`
    + paths.map((d, i) => d && `<path fill="#d9730d" fill-opacity="${i / 16}" d="${d}"/>`).join('');
}

function svgOfHead() {
  const cell = 16, left = 90, all = runs.map((one, i) => {
    const x = left + i * (one.T * cell + left + 20), map = attention(one, state.l, state.h, state.avg, 'p');
    return squares(map, one.T, x, 24, cell) + label(x, 14, `head ${state.l}.${state.h}, ${one.title}`)
      + one.tokens.map((id, t) => label(x - 4, 24 + t * cell + 12, name(id), 'end')
        + `<text transform="translate(${x + t * cell + 11},${28 + one.T * cell}) rotate(60)" fill="#24292f">`
        + escape(name(id)) + '</text>').join('');
  });
  return svgFile(runs.length * (runs[0].T * cell + left + 20) + 20, runs[0].T * cell + 110, all.join(''));
}

function svgOfMaps() {
  const side = 60, all = runs.map((one, i) => {
    const left = 24 + i * (H * side + 40);
    let body = label(left, 12, one.title);
    for (let l = 0; l < L; l++) {
      body += label(left - 6, 24 + l * side + side / 2, l, 'end');
      for (let h = 0; h < H; h++)
        body += squares(attention(one, l, h, '', 'p'), one.T, left + h * side, 20 + l * side, (side - 4) / one.T,
          Math.sqrt);
    }
    return body;
  });
  return svgFile(runs.length * (H * side + 40) + 10, 24 + L * side, all.join(''));
}

function svgOfStream() {
  const wide = 74, high = 18, all = runs.map((one, i) => {
    const top = 20 + i * ((L + 1) * high + 30);
    let body = label(60, top - 6, one.title);
    for (let l = 0; l < L; l++) {
      const y = top + (L - 1 - l) * high;
      body += label(56, y + 13, one.grid.places[l], 'end');
      one.grid.cells[l].forEach((cell, t) => {
        body += `<rect x="${60 + t * wide}" y="${y}" width="${wide - 1}" height="${high - 1}" fill="#d9730d" `
          + `fill-opacity="${(0.85 * cell[3]).toFixed(3)}"/>`
          + label(62 + t * wide, y + 13, name(cell[0]).slice(0, 11));
      });
    }
    return body + one.tokens.map((id, t) =>
      label(62 + t * wide, top + L * high + 13, name(id).slice(0, 11))).join('');
  });
  return svgFile(70 + runs[0].T * wide, runs.length * ((L + 1) * high + 30) + 10, all.join(''));
}

function wireSaves() {
  find('save-spec').onclick = () => save('edit.json', 'application/json', spec());
  find('save-page').onclick = () => attempt(async () => {
    save('explorer.html', 'text/html', savedPage(await (await fetch('/')).text()));
  });
  find('save-head').onclick = () => save(`head-${state.l}-${state.h}.svg`, 'image/svg+xml', svgOfHead());
  find('save-maps').onclick = () => save('heads.svg', 'image/svg+xml', svgOfMaps());
  find('save-stream').onclick = () => save('stream.svg', 'image/svg+xml', svgOfStream());
  find('copy-link').onclick = () => attempt(async () => {
    await navigator.clipboard.writeText(location.href);
    find('busy').textContent = 'The link is copied.';
  });
}
