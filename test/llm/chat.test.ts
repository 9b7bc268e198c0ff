import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { type ChatFormat, chatFormatOf, NO_CHAT, POCKET_CHAT } from "../../lib/llm/chat.js";
import type { GgufMetadata } from "../../lib/llm/gguf/writer.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { PocketLlama } from "../../lib/llm/pocket/pocketLlama.js";
import { ratingText } from "../../lib/llm/prompts/render.js";
import { type TokenSource, Tokens } from "../../lib/llm/tokens.js";
import { exportLine } from "../../lib/llm/tuning/exportFormats.js";
import { temporaryFolder, WEIGHTS } from "./files.js";
import { referenceLogits, referenceLogProbability } from "./referenceLlama.js";
import { tinyGguf, tinyTokens } from "./tinyGguf.js";

const folder = await temporaryFolder();
test.after.always(() => folder.remove());

function recognised(metadata: Record<string, string>): ChatFormat {
  return chatFormatOf({ metadata: new Map(Object.entries(metadata)) });
}
const template = (text: string): ChatFormat => recognised({ "tokenizer.chat_template": text });

test("formats are told by the template, whatever system prompt it would add", (t) => {
  const llama3 = template(
    "{{ '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date' }}{{ '<|start_header_id|>' + role }}",
  );
  t.is(llama3.open, "<|start_header_id|>user<|end_header_id|>\n\n");
  t.is(llama3.answer, "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  t.is(template("{{'<|im_start|>' + message['role']}}").open, "<|im_start|>user\n");
  t.is(template("{{'<start_of_turn>' + role}}").answer, "<end_of_turn>\n<start_of_turn>model\n");
});

test("the brackets of Llama 2 and Mistral keep the blanks of their templates", (t) => {
  const cases: readonly [template: string, open: string, answer: string][] = [
    ["bos_token + '[INST] ' + content + ' [/INST]'", "[INST] ", " [/INST]"],
    ["bos_token + '[INST] ' + content + '[/INST]'", "[INST] ", "[/INST]"],
    ["bos_token + '[INST]' + content + '[/INST]'", "[INST]", "[/INST]"],
  ];
  for (const [text, open, answer] of cases)
    t.deepEqual(template(text), { open, answer, close: "</s>", trimmed: true });
});

test("no template, an unknown one and one of other turns mean plain continuation", (t) => {
  t.is(recognised({}), NO_CHAT);
  t.is(template("User: {{ content }} Assistant:"), NO_CHAT);
  t.is(template("[INST] without an end"), NO_CHAT);
  t.is(template("<|im_start|>user<|im_sep|>"), NO_CHAT);
});

test("the package's own models are told by their format, not by their name", (t) => {
  t.is(recognised({ "llama4rec.format": "pocket-1" }), POCKET_CHAT);
  t.is(recognised({ "general.name": "pocket-1" }), NO_CHAT);
});

/** A vocabulary of words that take their blank with them, and of signs and blanks that take line breaks with them. */
function words(special: readonly string[], bos: string | null): TokenSource<number> {
  const ids = new Map(special.map((mark, id) => [mark, id]));
  const idOf = (piece: string): number => {
    const id = ids.get(piece) ?? ids.size;
    ids.set(piece, id);
    return id;
  };
  const plain = (text: string): number[] =>
    Array.from(text.matchAll(/ ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+\n*|\s*\n+|\s+/gu), ([piece]) =>
      idOf(`text ${piece}`),
    );
  const cut = (text: string): string[] =>
    special.reduce(
      (parts, mark) =>
        parts.flatMap((part) =>
          special.includes(part)
            ? [part]
            : part.split(mark).flatMap((rest, i) => (i === 0 ? [rest] : [mark, rest])),
        ),
      [text],
    );
  return {
    tokenize: (text, marked = false) =>
      marked ? cut(text).flatMap((part) => (special.includes(part) ? idOf(part) : plain(part))) : plain(text),
    tokens: { bos: bos === null ? null : idOf(bos), shouldPrependBosToken: bos !== null },
  };
}

/** What the trimmed formats' chat templates make of a question and an answer, up to the answer's end mark. */
const TEMPLATES = [
  {
    mark: "'<|start_header_id|>' + role",
    special: ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    bos: "<|begin_of_text|>",
    render: (user: string, assistant: string) =>
      `<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n${user}<|eot_id|>` +
      `<|start_header_id|>assistant<|end_header_id|>\n\n${assistant}<|eot_id|>`,
  },
  {
    mark: "'<start_of_turn>' + role",
    special: ["<bos>", "<start_of_turn>", "<end_of_turn>"],
    bos: "<bos>",
    render: (user: string, assistant: string) =>
      `<bos><start_of_turn>user\n${user}<end_of_turn>\n<start_of_turn>model\n${assistant}<end_of_turn>`,
  },
  {
    mark: "'<|im_start|>' + role",
    special: ["<|im_start|>", "<|im_end|>"],
    bos: null,
    render: (user: string, assistant: string) =>
      `<|im_start|>user\n${user}<|im_end|>\n<|im_start|>assistant\n${assistant}<|im_end|>`,
  },
  {
    mark: "'[INST] ' + content + ' [/INST]'",
    special: ["<s>", "</s>", "[INST]", "[/INST]"],
    bos: "<s>",
    render: (user: string, assistant: string) => `<s>[INST] ${user} [/INST] ${assistant}</s>`,
  },
];

for (const { mark, special, bos, render } of TEMPLATES)
  test(`${mark}: requests and answers are the tokens of the exported line in its template`, (t) => {
    const source = words(special, bos);
    const tokens = new Tokens(source, template(mark));
    const list = "The list:\n Alien (1979)\n Dune = 4.5\n";
    const exported = (question: string, answer: string): number[] => {
      const { messages } = JSON.parse(exportLine("chat", list, { question, answer }) ?? "");
      return source.tokenize(render(messages[0].content, messages[1].content), true);
    };
    const title = "What next?\n";
    t.deepEqual(
      [...tokens.turn(list + title), ...tokens.answerText(" Up (2009)\n")],
      exported(title, " Up (2009)\n"),
    );
    const rate = "Which rating?\n Up (2009)\n";
    t.deepEqual(
      [...tokens.turn(list + rate), ...tokens.answerText(`${ratingText(4.5)}\n`)],
      exported(rate, " 4.5"),
    );
    const pair = "Which?\n A. Up (2009)\n B. Heidi!\n";
    const labels = tokens.labels(2);
    const label = tokens.label(`${labels?.lead}B`) ?? Number.NaN;
    const choice = exported(pair, " B");
    t.deepEqual([...tokens.turn(list + pair), label, ...tokens.close], choice);
    t.deepEqual([...tokens.prefix(list), ...tokens.restOfTurn(pair), label, ...tokens.close], choice);
  });

const PREFIX = "The list:\n Alien\n</s>[INST]\nNext?\n";
const TITLES = [" Up\n", " Heidi\n", " Solaris\n"];
/** The only special tokens of the tiny vocabulary, by id. */
const [BEGIN, END] = [1, 2];
const chat: ChatFormat = { open: "</s>", answer: "</s></s>", close: "<s>" };

async function tiny(name: string, options: object, metadata: GgufMetadata = {}): Promise<LlamaCpp> {
  const modelPath = join(folder.path, `${name}.gguf`);
  await writeFile(modelPath, tinyGguf(WEIGHTS, metadata));
  return LlamaCpp.load({ modelPath, ...options });
}

test("only the format's marks are special tokens; the same marks in a text stay text", async (t) => {
  await using model = await tiny("marked", { chat });
  t.is(model.countTokens("</s>"), 4);
  const turn = [BEGIN, END, ...tinyTokens(PREFIX), END, END];
  const answer = await model.rank({ prefix: PREFIX, candidates: TITLES, mode: "likelihood" });
  if (!answer.answered) return t.fail(answer.detail);
  for (const [i, title] of TITLES.entries()) {
    const expected = referenceLogProbability(WEIGHTS, turn, tinyTokens(title));
    t.true(Math.abs(answer.scores[i] - expected) < 0.05, `${answer.scores[i]} ${expected}`);
  }
  const labels = await model.rank({ prefix: PREFIX, candidates: ["A", "B"], mode: "labels" });
  if (!labels.answered) return t.fail(labels.detail);
  const logits = referenceLogits(WEIGHTS, turn).at(-1) ?? new Float64Array();
  for (const [i, name] of ["A", "B"].entries())
    t.true(Math.abs(labels.scores[i] - logits[tinyTokens(name)[0]]) < 0.05);
});

test("a comparison's question lies inside the turn, the label after it", async (t) => {
  await using model = await tiny("compared", { chat });
  const questions = ["Which?\nA. Up\nB. Heidi\n", "Which?\nA. Heidi\nB. Up\n"] as const;
  const answer = await model.compare({ prefix: PREFIX, questions, labels: ["A", "B"] });
  if (!answer.answered) return t.fail(answer.detail);
  const odds = questions.map((question) => {
    const turn = [BEGIN, END, ...tinyTokens(PREFIX + question), END, END];
    const logits = referenceLogits(WEIGHTS, turn).at(-1) ?? new Float64Array();
    return logits[tinyTokens("A")[0]] - logits[tinyTokens("B")[0]];
  });
  t.true(Math.abs(answer.margin - Math.abs(odds[0] - odds[1]) / 2) < 0.05);
});

test("a written answer ends where the format closes it, in both runners", async (t) => {
  const modelPath = join(folder.path, "closed.gguf");
  await writeFile(modelPath, tinyGguf(WEIGHTS));
  const request = { prompt: "Once", maxTokens: 8 };
  for (const runner of [LlamaCpp, PocketLlama]) {
    await using open = await runner.load({ modelPath, chat: "none" });
    const answer = await open.complete(request);
    if (!answer.answered) return t.fail(answer.detail);
    const close = /[!-~]/.exec(answer.text)?.[0];
    if (close === undefined) return t.fail(answer.text);
    await using closed = await runner.load({ modelPath, chat: { open: "", answer: "", close } });
    const text = answer.text.slice(0, answer.text.indexOf(close));
    t.deepEqual(await closed.complete(request), { answered: true, text, ended: "end" }, runner.name);
  }
});

test("the marks take room, and what just fits is answered", async (t) => {
  await using plain = await tiny("plain", { chat: "none" });
  await using model = await tiny("room", { chat });
  t.is(
    model.contextSize,
    plain.contextSize - 4,
    "the end of the answer too, which this request does not write",
  );
  const rank = (length: number) =>
    model.rank({ prefix: "x".repeat(length - 1), candidates: ["y"], mode: "likelihood" });
  t.like(await rank(model.contextSize), { answered: true });
  t.like(await rank(model.contextSize + 2), { answered: false, reason: "too-long" });
});

test("the format is part of the id and taken from the file unless told otherwise", async (t) => {
  const metadata = { "tokenizer.chat_template": "'[INST] ' + content + ' [/INST]'" };
  await using auto = await tiny("auto", {}, metadata);
  await using none = await tiny("none", { chat: "none" }, metadata);
  await using given = await tiny(
    "given",
    { chat: { open: "[INST] ", answer: " [/INST]", close: "</s>", trimmed: true } },
    metadata,
  );
  await using whole = await tiny(
    "whole",
    { chat: { open: "[INST] ", answer: " [/INST]", close: "</s>" } },
    metadata,
  );
  t.not(auto.id, none.id);
  t.is(auto.id, given.id);
  t.not(auto.id, whole.id, "turns that are not trimmed");
  const candidates = TITLES.map((title) => title.trimEnd());
  const request = { prefix: PREFIX, candidates, mode: "likelihood" } as const;
  const spelt = await none.rank({ ...request, prefix: `[INST] ${PREFIX.trimEnd()} [/INST]` });
  t.deepEqual(await auto.rank(request), spelt, "no such special token in this vocabulary: plain text");
});

test("a malformed format is a programmer error", async (t) => {
  const bad = { open: 1, answer: "" } as unknown as ChatFormat;
  await t.throwsAsync(tiny("bad", { chat: bad }), { code: "E_ARGUMENT", message: /^chat\.open/ });
  const odd = { open: "", answer: "", trimmed: "yes" } as unknown as ChatFormat;
  await t.throwsAsync(tiny("bad", { chat: odd }), { code: "E_ARGUMENT", message: /^chat\.trimmed/ });
  await t.throwsAsync(tiny("bad", { chat: "llama" }), { code: "E_ARGUMENT", message: /^chat/ });
});
