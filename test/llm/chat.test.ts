import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { type ChatFormat, chatFormatOf, NO_CHAT, POCKET_CHAT } from "../../lib/llm/chat.js";
import type { GgufMetadata } from "../../lib/llm/gguf/writer.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
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
  for (const [text, open, answer] of cases) t.deepEqual(template(text), { open, answer, close: "</s>" });
});

test("no template, an unknown one and one of other turns mean plain continuation", (t) => {
  t.is(recognised({}), NO_CHAT);
  t.is(template("User: {{ content }} Assistant:"), NO_CHAT);
  t.is(template("[INST] without an end"), NO_CHAT);
  t.is(template("<|im_start|>user<|im_sep|>"), NO_CHAT);
});

test("the package's own models are told by their name", (t) => {
  t.is(recognised({ "llama4rec.format": "pocket-1" }), POCKET_CHAT);
  t.is(recognised({ "general.name": "pocket-1", "tokenizer.chat_template": "<|im_start|>" }), POCKET_CHAT);
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

test("the marks take room, and what just fits is answered", async (t) => {
  await using plain = await tiny("plain", { chat: "none" });
  await using model = await tiny("room", { chat });
  t.is(model.contextSize, plain.contextSize - 3);
  const rank = (length: number) =>
    model.rank({ prefix: "x".repeat(length - 1), candidates: ["y"], mode: "likelihood" });
  t.like(await rank(model.contextSize), { answered: true });
  t.like(await rank(model.contextSize + 1), { answered: false, reason: "too-long" });
});

test("the format is part of the id and taken from the file unless told otherwise", async (t) => {
  const metadata = { "tokenizer.chat_template": "'[INST] ' + content + ' [/INST]'" };
  await using auto = await tiny("auto", {}, metadata);
  await using none = await tiny("none", { chat: "none" }, metadata);
  await using given = await tiny(
    "given",
    { chat: { open: "[INST] ", answer: " [/INST]", close: "</s>" } },
    metadata,
  );
  t.not(auto.id, none.id);
  t.is(auto.id, given.id);
  const request = { prefix: PREFIX, candidates: TITLES, mode: "likelihood" } as const;
  const spelt = await none.rank({ ...request, prefix: `[INST] ${PREFIX} [/INST]` });
  t.deepEqual(await auto.rank(request), spelt, "no such special token in this vocabulary: plain text");
});

test("a malformed format is a programmer error", async (t) => {
  const bad = { open: 1, answer: "" } as unknown as ChatFormat;
  await t.throwsAsync(tiny("bad", { chat: bad }), { code: "E_ARGUMENT", message: /^chat\.open/ });
  await t.throwsAsync(tiny("bad", { chat: "llama" }), { code: "E_ARGUMENT", message: /^chat/ });
});
