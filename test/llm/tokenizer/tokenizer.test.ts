import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { LlamaModel } from "node-llama-cpp";
import { Random } from "../../../lib/data/random.js";
import { writeLlamaFile } from "../../../lib/llm/gguf/llamaFile.js";
import { readGguf } from "../../../lib/llm/gguf/reader.js";
import { llamaRuntime } from "../../../lib/llm/llamaRuntime.js";
import { bytePieces, type Vocabulary } from "../../../lib/llm/tokenizer/pieces.js";
import { Tokenizer } from "../../../lib/llm/tokenizer/tokenizer.js";
import { trainTokenizer } from "../../../lib/llm/tokenizer/trainer.js";
import { storiesModel, temporaryFolder } from "../files.js";
import { smallShape, smallWeights } from "../smallLlama.js";
import { strangeTexts, titles } from "./texts.js";

async function load(modelPath: string): Promise<LlamaModel> {
  const { llama } = await llamaRuntime(false);
  return llama.loadModel({ modelPath, vocabOnly: true });
}

const catalogue = titles(300, 1);
const trained = trainTokenizer({
  texts: catalogue.map((text, i) => ({ text, weight: 1 + (i % 7) })),
  size: 700,
  control: ["[INST]", "[/INST]"],
  required: [" A", " B", " ="],
});

const folder = await temporaryFolder();
test.after.always(() => folder.remove());

/** Texts of every kind, the empty one and a line of 10 kB among them. */
const texts = [
  "",
  ...catalogue.slice(0, 60),
  ...strangeTexts(400, 2),
  catalogue.join(" ").slice(0, 10_000),
  `${"aé夜".repeat(3000)}\n${" ".repeat(500)}`,
];

function agree(t: ExecutionContext, tokenizer: Tokenizer, model: LlamaModel): void {
  for (const text of texts) {
    t.deepEqual([...tokenizer.encode(text)], [...model.tokenize(text)].map(Number), JSON.stringify(text));
    t.is(tokenizer.count(text), model.tokenize(text).length);
    t.deepEqual(
      [...tokenizer.encodeSpecial(text)],
      [...model.tokenize(text, true)].map(Number),
      JSON.stringify(text),
    );
  }
}

test("a trained vocabulary is tokenized as llama.cpp does", async (t) => {
  const path = join(folder.path, "trained.gguf");
  const shape = smallShape(trained.size);
  await writeLlamaFile(path, { shape, tokenizer: trained, weights: smallWeights(shape, 3), type: "F16" });
  const model = await load(path);
  agree(t, trained, model);
  agree(t, Tokenizer.fromGguf(await readGguf(path)), model);
  await model.dispose();
});

const stories = storiesModel();
(stories === null ? test.skip : test)("so is a third party's, with a space before its texts", async (t) => {
  const tokenizer = Tokenizer.fromGguf(await readGguf(String(stories)));
  t.true(tokenizer.vocabulary.addSpacePrefix);
  const model = await load(String(stories));
  agree(t, tokenizer, model);
  await model.dispose();
});

/** A vocabulary by hand: special pieces and bytes, then these, each below the one before it. */
function vocabularyOf(...pieces: readonly string[]): Vocabulary {
  const all = ["<unk>", "<s>", "</s>", ...bytePieces, ...pieces];
  return {
    pieces: all,
    scores: Float32Array.from(all, (_, id) => -id),
    types: Int32Array.from(all, (_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    bos: 1,
    eos: 2,
    unknown: 0,
    addSpacePrefix: false,
    addBos: true,
  };
}

const spelt = (tokenizer: Tokenizer, text: string): string[] =>
  [...tokenizer.encode(text)].map((token) => tokenizer.vocabulary.pieces[token]);

test("the merge with the highest score comes first, the leftmost on ties", (t) => {
  const tokenizer = new Tokenizer(vocabularyOf("bc", "ab", "aa", "a", "b", "c"));
  t.deepEqual(spelt(tokenizer, "abc"), ["a", "bc"]);
  t.deepEqual(spelt(tokenizer, "aab"), ["a", "ab"]);
  t.deepEqual(spelt(tokenizer, "aaa"), ["aa", "a"]);
});

test("a vocabulary that joins line breaks with letters is not cut at them", (t) => {
  const tokenizer = new Tokenizer(vocabularyOf("a\n", "a", "\n"));
  t.deepEqual(spelt(tokenizer, "aa\na"), ["a", "a\n", "a"]);
});

test("user-defined pieces are tokens wherever they stand", (t) => {
  const vocabulary = vocabularyOf("ab", "a", "b", "ba");
  vocabulary.types[vocabulary.pieces.indexOf("ba")] = 4;
  t.deepEqual(spelt(new Tokenizer(vocabulary), "abab"), ["a", "ba", "b"]);
});

test("a decoded text is the encoded one; only half a surrogate pair is lost", (t) => {
  for (const text of texts) {
    const utf8 = Buffer.from(text).toString().replaceAll("\u2581", " ");
    t.is(trained.decode(trained.encode(text)), utf8);
  }
  t.is(trained.decode(trained.encodeSpecial("<s>[INST] Hi[/INST]")), " Hi");
  for (const token of [-1, 0.5, trained.size])
    t.throws(() => trained.decode([token]), { code: "E_ARGUMENT", message: /tokens/ });
});

test("dropout at 0 changes nothing, at 1 leaves characters, between them takes many forms of the same text", (t) => {
  const random = new Random(1);
  const text = catalogue[0];
  t.deepEqual(trained.encodeDropout(text, 0, random), trained.encode(text));
  t.is(trained.encodeDropout(text, 1, random).length, [...text].length);
  const forms = Array.from({ length: 200 }, () => trained.encodeDropout(text, 0.3, random));
  for (const form of forms) t.is(trained.decode(form), text);
  t.true(new Set(forms.map(String)).size > 20);
  const mean = forms.reduce((sum, { length }) => sum + length, 0) / forms.length;
  t.true(mean > trained.count(text) && mean < [...text].length);
  t.deepEqual(
    trained.encodeDropout(text, 0.3, new Random(2)),
    trained.encodeDropout(text, 0.3, new Random(2)),
  );
  t.throws(() => trained.encodeDropout(text, 1.5, random), { code: "E_ARGUMENT", message: /rate/ });
});

test("dropout leaves out each merge with its probability", (t) => {
  // Two merges are possible, and after either of them none.
  const tokenizer = new Tokenizer(vocabularyOf("ab", "bc", "a", "b", "c"));
  const random = new Random(3);
  const draws = 20_000;
  const counts = new Map<string, number>();
  for (let i = 0; i < draws; i++) {
    const form = [...tokenizer.encodeDropout("abc", 0.3, random)]
      .map((id) => tokenizer.vocabulary.pieces[id])
      .join("|");
    counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  for (const [form, share] of [
    ["ab|c", 0.7],
    ["a|bc", 0.3 * 0.7],
    ["a|b|c", 0.3 * 0.3],
  ] as const)
    t.true(Math.abs((counts.get(form) ?? 0) / draws - share) < 0.015, form);
});

test("vocabularies that contradict themselves are refused", (t) => {
  const refused = (override: Partial<Vocabulary>, message: RegExp) =>
    t.throws(() => new Tokenizer({ ...vocabularyOf("a"), ...override }), { code: "E_ARGUMENT", message });
  refused({ scores: new Float32Array(1) }, /scores for 260 pieces, got 1/);
  refused({ eos: 260 }, /eos below 260/);
  refused({ pieces: vocabularyOf("<s>").pieces }, /pieces that occur once, got "<s>"/);
  refused({ pieces: vocabularyOf("a").pieces.with(3, "b") }, /none for <0x00>/);
  refused({ scores: new Float32Array(260).fill(Number.NaN) }, /NaN/);
});
