// llama.cpp (npm node-llama-cpp 3.22.1, in this process, no HTTP) with as many texts at once as there are clients:
//   node bench/serve/llama.mjs FILE.gguf CLIENTS [NAME=VALUE ...]      prompt tokens seconds vocabulary threads show
// decode=1 counts from when all texts have their first token until the first text ends, once.
// Prints tokens per second. Each client begins a new random prompt when its text ends; greedy, past the end of a text.
// show=1 prints the tokens after the prompt 1,20,300,400,50 instead, to hold beside `headtap generate --greedy`.
import {getLlama} from "node-llama-cpp";

const [file, count, ...pairs] = process.argv.slice(2);
const o = {prompt: 16, tokens: 32, seconds: 10, vocabulary: 2540, threads: 2, show: 0, decode: 0};
for (const pair of pairs) {
  const [name, value] = pair.split("=");
  if (!(name in o)) throw new Error(`${pair} is no option`);
  o[name] = Number(value);
}
const clients = Number(count);
const llama = await getLlama({build: "never", gpu: false, maxThreads: o.threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: file});
const context = await model.createContext({
  sequences: clients, contextSize: Math.max(64, o.prompt + o.tokens), batchSize: 512, threads: o.threads,
});
const sequences = Array.from({length: clients}, () => context.getSequence());

async function continued(sequence, prompt, tokens) {
  const ids = [], times = [];
  await sequence.clearHistory();
  for await (const id of sequence.evaluate(prompt, {temperature: 0, yieldEogToken: true})) {
    ids.push(id);
    times.push(performance.now());
    if (ids.length === tokens) break;
  }
  ids.times = times;
  return ids;
}

if (o.show) {
  console.log((await continued(sequences[0], [1, 20, 300, 400, 50], o.tokens)).join(","));
  process.exit(0);
}
let state = 12345;
const next = () => (state = (state * 1103515245 + 12345) % 2147483648) % o.vocabulary;
const prompt = () => Array.from({length: o.prompt}, next);
if (o.decode) {
  const texts = (await Promise.all(sequences.map(s => continued(s, prompt(), o.tokens)))).map(ids => ids.times);
  const from = Math.max(...texts.map(t => t[0])), to = Math.min(...texts.map(t => t.at(-1)));
  const counted = texts.flat().filter(t => t > from && t <= to).length;
  console.log((1000 * counted / (to - from)).toFixed(1));
  process.exit(0);
}
await Promise.all(sequences.map(s => continued(s, prompt(), 2))); // warm
let done = 0;
const start = performance.now();
await Promise.all(sequences.map(async s => {
  while (performance.now() - start < 1000 * o.seconds) {
    const ids = await continued(s, prompt(), o.tokens);
    done += ids.length; // not in one expression with the wait, which would read the sum before it
  }
}));
console.log((done / ((performance.now() - start) / 1000)).toFixed(1));
process.exit(0);
