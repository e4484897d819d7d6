// Official and other clients against a running server: node conformance.mjs http://127.0.0.1:8080 MODEL
// Needs `npm install openai@7.55.0` beside it. Prints one line a check and ends with a count; exit code 1 if
// one fails.
import OpenAI, { toFile } from 'openai';

const [address, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: process.env.KEY ?? 'none', maxRetries: 0 });
let failed = 0, passed = 0;

async function check(name, body) {
  try {
    await body();
    passed++;
    console.log(`ok     ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAILED ${name}: ${e.message}`);
  }
}

function require(holds, what) {
  if (!holds) throw new Error(what);
}

await check('models.list and retrieve', async () => {
  const names = [];
  for await (const m of client.models.list()) names.push(m.id);
  require(names.includes(model), `models are ${names}`);
  require((await client.models.retrieve(model)).id === model, 'retrieve');
});
const base = { model, prompt: 'The capital of France is', max_tokens: 6, temperature: 0 };
let whole;
await check('completions.create', async () => {
  whole = await client.completions.create(base);
  require(whole.choices[0].text.length > 0 && whole.usage.completion_tokens === 6, JSON.stringify(whole));
});
await check('completions stream says the same', async () => {
  let text = '', usage = null;
  const stream = await client.completions.create({ ...base, stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? '';
    usage = chunk.usage ?? usage;
  }
  require(text === whole.choices[0].text, text);
  require(usage.completion_tokens === 6, JSON.stringify(usage));
});
await check('a break out of a stream, and the server goes on', async () => {
  const stream = await client.completions.create({ ...base, max_tokens: 100, stream: true });
  for await (const _ of stream) break;
  require((await client.completions.create(base)).choices[0].text === whole.choices[0].text, 'after it');
});
await check('echo with max_tokens 0 and logprobs', async () => {
  const r = await client.completions.create({ ...base, echo: true, max_tokens: 0, logprobs: 3 });
  const l = r.choices[0].logprobs;
  require(r.choices[0].text === base.prompt, r.choices[0].text);
  require(l.token_logprobs[0] === null && l.tokens.length === l.token_logprobs.length, JSON.stringify(l));
});
await check('token ids, several prompts, n', async () => {
  const r = await client.completions.create({ ...base, prompt: [[5, 6], [7]], n: 2, temperature: 1, seed: 3 });
  require(r.choices.map(c => c.index).join() === '0,1,2,3', JSON.stringify(r.choices));
});
await check('an unknown field is a 400 that names it', async () => {
  try {
    await client.completions.create({ ...base, nonsense: 1 });
  } catch (e) {
    require(e.status === 400 && e.param === 'nonsense', `${e.status} ${e.param}`);
    return;
  }
  throw new Error('no error');
});
await check('a model that is not there is a 404', async () => {
  try {
    await client.completions.create({ ...base, model: 'none' });
  } catch (e) {
    require(e.status === 404 && e.code === 'model_not_found', `${e.status} ${e.code}`);
    return;
  }
  throw new Error('no error');
});
await check('embeddings, floats and base64', async () => {
  const a = await client.embeddings.create({ model, input: ['one', 'two'], encoding_format: 'float' });
  const b = await client.embeddings.create({ model, input: ['one', 'two'] });
  require(a.data.length === 2 && a.data[0].embedding.length === b.data[0].embedding.length, 'lengths');
  require(a.data[1].embedding.every((x, i) => Math.fround(x) === Math.fround(b.data[1].embedding[i])), 'values');
});
await check('files and a batch', async () => {
  const lines = [1, 2, 3].map(i => JSON.stringify({
    custom_id: `r${i}`, method: 'POST', url: '/v1/completions', body: { ...base, max_tokens: i },
  })).join('\n');
  const file = await client.files.create({ file: await toFile(Buffer.from(lines), 'in.jsonl'), purpose: 'batch' });
  let batch = await client.batches.create({
    input_file_id: file.id, endpoint: '/v1/completions', completion_window: '24h',
  });
  for (let i = 0; i < 300 && batch.status !== 'completed'; i++) {
    await new Promise(r => setTimeout(r, 100));
    batch = await client.batches.retrieve(batch.id);
  }
  require(batch.status === 'completed', batch.status);
  const out = (await (await client.files.content(batch.output_file_id)).text()).trim().split('\n').map(JSON.parse);
  require(out.length === 3 && out.every(o => o.response.status_code === 200), JSON.stringify(out));
  require(out.every(o => o.response.body.usage.completion_tokens === Number(o.custom_id[1])), 'bodies');
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
