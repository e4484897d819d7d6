// Requests to the server. An answer is kept by its request, and a saved page has nothing but such answers.
const kept = new Map(Object.entries(data.saved?.answers ?? {}));
let secret = '', gone = new AbortController();

// What an error says on the page; the server's own words where it sent some.
class Refusal extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

async function ask(path, body) {
  const key = path + (body ? ' ' + JSON.stringify(body) : '');
  if (kept.has(key)) return kept.get(key);
  if (data.saved) throw new Refusal('This saved page does not have that; a running server does.', 0);
  const headers = { ...secret && { authorization: 'Bearer ' + secret },
    ...body && { 'content-type': 'application/json' } };
  let reply;
  try {
    reply = await fetch(path, { method: body ? 'POST' : 'GET', headers, signal: gone.signal,
      body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal('The server does not answer.', 0);
  }
  const text = await reply.text();
  let json = null;
  try { json = JSON.parse(text); } catch { /* the status says enough */ }
  if (!reply.ok) throw new Refusal(json?.error?.message ?? `status ${reply.status}`, reply.status);
  if (kept.size > 200) kept.delete(kept.keys().next().value);
  kept.set(key, json);
  return json;
}

// Tensors come as base64 of float32.
const floats = tensor => new Float32Array(bytes(tensor.data).buffer);
const run = body => ask('/v1/headtap/run', { model: state.model, encoding: 'base64', ...body });

// Names of tokens as they stand in a text: a space is a dot, what would not be seen is an escape.
const visible = text => text.replace(/[\\\u00b7 \n\r\t\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, c => ({
  ' ': '\u00b7', '\u00b7': '\\\u00b7', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\',
}[c] ?? '\\u' + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')));
const learn = (id, text) => { data.names[id] ??= text === null ? '#' + id : visible(text); };

// The prompt as ids. What the model expects before a text is the server's to add.
async function idsOfPrompt() {
  const facts = data.facts;
  if (facts && !facts.tokenizer) {
    const ids = state.prompt.split(/[\s,]+/).filter(x => x).map(Number);
    if (!ids.length || ids.some(id => !Number.isInteger(id) || id < 0))
      throw new Refusal('This model has no tokenizer; write token ids such as 5, 6, 7.', 0);
    return ids;
  }
  const answer = await ask('/v1/completions', { model: state.model, prompt: state.prompt, max_tokens: 0,
    echo: true, logprobs: 0, return_token_ids: true });
  const choice = answer.choices[0];
  choice.prompt_token_ids.forEach((id, t) => learn(id, choice.logprobs.tokens[t]));
  return choice.prompt_token_ids;
}
