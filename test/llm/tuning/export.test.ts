/** Instructions for other trainers: three formats, the very prompts of inference, files that are whole or not there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { generateShop } from "../../../lib/data/shop/index.js";
import { split } from "../../../lib/data/split.js";
import { buildPairPrompt } from "../../../lib/llm/prompts/build.js";
import { DIRECT_TEMPLATE } from "../../../lib/llm/prompts/direct.js";
import { RATING_TEMPLATE } from "../../../lib/llm/prompts/rating.js";
import type { PromptItem } from "../../../lib/llm/prompts/render.js";
import { SEQUENTIAL_TEMPLATE } from "../../../lib/llm/prompts/sequential.js";
import { type ExportOptions, exportInstructions } from "../../../lib/llm/tuning/export.js";
import { exportLine } from "../../../lib/llm/tuning/exportFormats.js";
import { blocksOf } from "../../augmentation/promptBlocks.js";
import { TextModel } from "../../augmentation/textModel.js";
import { folderOf } from "../../datasets/temporary.js";
import { planted } from "../../evaluation/canaries.js";

const parts = split(planted(generateShop({ users: 60, items: 50, interactions: 700 })), {
  protocol: "standard",
});
const even = { direct: 1, sequential: 1, rating: 1 };
const options = (out: string, rest: Partial<ExportOptions> = {}): ExportOptions => ({
  view: parts.train,
  format: "chat",
  out,
  count: 300,
  seed: 1,
  mix: even,
  hints: null,
  ...rest,
});

/** The lines of a file as objects. */
const records = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const question = { question: 'Which?\n A. One\n B. "Two"\n', answer: " B", rejected: " A" };

test("chat: one user turn, one answer, neither with blanks that a template may trim", (t) => {
  t.is(
    exportLine("chat", "List:\n Zero\n", question),
    `${JSON.stringify({
      messages: [
        { role: "user", content: 'List:\n Zero\nWhich?\n A. One\n B. "Two"' },
        { role: "assistant", content: "B" },
      ],
    })}\n`,
  );
});

test("alpaca: the whole prompt is the instruction", (t) => {
  const line = exportLine("alpaca", "List:\n Zero\n", { question: "What?\n", answer: " One\n" });
  t.deepEqual(JSON.parse(line ?? ""), { instruction: "List:\n Zero\nWhat?", input: "", output: "One" });
});

test("dpo: the right and the wrong answer; a question without a wrong one has no line", (t) => {
  const line = exportLine("dpo", "List:\n Zero\n", question);
  t.like(JSON.parse(line ?? ""), { chosen: "B", rejected: "A" });
  t.is(exportLine("dpo", "", { question: "What?\n", answer: " One\n" }), null);
});

test("a title with a line break's worth of JSON stays one line", (t) => {
  const line = exportLine("alpaca", "", { question: '"}\u2028\\n{"a":\n', answer: ' "x"\n' }) ?? "";
  t.is(line.indexOf("\n"), line.length - 1);
  t.is(JSON.parse(line).output, '"x"');
});

test("a chat file has as many lines as asked for, of every task and kind, from training rows alone", async (t) => {
  const folder = folderOf(t, {});
  const progress: number[] = [];
  const out = join(folder, "train.jsonl");
  const result = await exportInstructions(options(out, { onProgress: (done) => progress.push(done) }));
  t.deepEqual(result, { path: out, count: 300, datasetInfo: null });
  t.deepEqual(progress, [256, 300]);
  t.deepEqual(readdirSync(folder), ["train.jsonl"]);

  const lines = records(out);
  t.is(lines.length, 300);
  const prompts: string[] = lines.map(({ messages }) => messages[0].content);
  for (const words of [DIRECT_TEMPLATE, SEQUENTIAL_TEMPLATE, RATING_TEMPLATE].flatMap((template) =>
    template === RATING_TEMPLATE
      ? [template.question.rate]
      : [template.question.title, template.question.choose, template.question.compare],
  ))
    t.true(
      prompts.some((prompt) => prompt.includes(words)),
      words,
    );
  for (const { messages } of lines) {
    const answer: string = messages[1].content;
    t.notRegex(answer, /Canary/, "a held-out item is nobody's answer");
    if (!messages[0].content.includes(RATING_TEMPLATE.question.rate))
      t.notRegex(blocksOf(messages[0].content).history.join(), /Canary/);
  }
});

/** A line of a list as the item that it tells of. */
const itemOf = (line: string): PromptItem => {
  const [title, rating] = line.split(" = ");
  return rating === undefined ? { title } : { title, rating: Number(rating) };
};

test("a pair is asked about in the very text of inference", async (t) => {
  const out = join(folderOf(t, {}), "pairs.jsonl");
  await exportInstructions(options(out, { format: "dpo", count: 50 }));
  const model = new TextModel(() => 0);
  for (const { prompt, chosen, rejected } of records(out)) {
    const template = prompt.includes(DIRECT_TEMPLATE.question.compare)
      ? DIRECT_TEMPLATE
      : SEQUENTIAL_TEMPLATE;
    const { history: lines, candidates } = blocksOf(prompt);
    const history = lines.map(itemOf);
    t.true(history.length > 0);
    const items = [candidates[0], candidates[1]] as const;
    const { prefix, questions } = buildPairPrompt({ history, items }, { model, template });
    t.is(`${prompt}\n`, prefix + questions[0]);
    t.deepEqual([chosen, rejected].sort(), ["A", "B"]);
  }
});

test("the same options write the same bytes, another seed others", async (t) => {
  const folder = folderOf(t, {});
  const text = async (name: string, seed: number): Promise<string> => {
    await exportInstructions(options(join(folder, name), { seed }));
    return readFileSync(join(folder, name), "utf8");
  };
  const first = await text("one", 1);
  t.is(await text("two", 1), first);
  t.not(await text("three", 2), first);
});

test("a mix leaves tasks out", async (t) => {
  const out = join(folderOf(t, {}), "rating.jsonl");
  await exportInstructions(options(out, { format: "alpaca", mix: { direct: 0, sequential: 0, rating: 1 } }));
  for (const { instruction, output } of records(out)) {
    t.true(instruction.includes(RATING_TEMPLATE.question.rate));
    t.regex(output, /^\d(\.\d)?$/);
  }
});

test("into a folder: a name of its own, and for Alpaca an entry beside the others of dataset_info.json", async (t) => {
  const other = { file_name: "other.json" };
  const folder = folderOf(t, { "dataset_info.json": JSON.stringify({ other }) });
  const { path, datasetInfo } = await exportInstructions(options(folder, { format: "alpaca", count: 3 }));
  t.is(path, join(folder, "instructions.alpaca.jsonl"));
  t.deepEqual(datasetInfo, { path: join(folder, "dataset_info.json"), name: "instructions.alpaca" });
  t.deepEqual(JSON.parse(readFileSync(join(folder, "dataset_info.json"), "utf8")), {
    other,
    "instructions.alpaca": {
      file_name: "instructions.alpaca.jsonl",
      formatting: "alpaca",
      columns: { prompt: "instruction", query: "input", response: "output" },
    },
  });
});

test("a dataset_info.json that is none stays as it is, and nothing is written", async (t) => {
  for (const text of ["[]", "{", '"x"']) {
    const folder = folderOf(t, { "dataset_info.json": text });
    await t.throwsAsync(exportInstructions(options(folder, { format: "alpaca" })), {
      code: "E_FILE",
      message: /dataset_info\.json: expected a JSON object/,
    });
    t.is(readFileSync(join(folder, "dataset_info.json"), "utf8"), text);
    t.deepEqual(readdirSync(folder), ["dataset_info.json"]);
  }
});

test("bad options are refused before anything is written", async (t) => {
  const folder = folderOf(t, {});
  const refused = async (rest: Partial<ExportOptions>, message: RegExp): Promise<void> => {
    await t.throwsAsync(exportInstructions(options(folder, rest)), { code: "E_ARGUMENT", message });
  };
  await refused({ count: 0 }, /^count: expected a positive integer, got 0/);
  await refused({ mix: { direct: 0, sequential: 0, rating: 0 } }, /^mix: /);
  await refused({ mix: { direct: 0, sequential: 0, rating: 1 }, format: "dpo" }, /^mix: .*for dpo/);
  const alone = split(generateShop({ users: 30, items: 50, interactions: 200 }), { protocol: "standard" });
  const hints = {
    view: alone.train.digest,
    interactionFolds: new Uint8Array(),
    ranking: null,
    sequence: null,
    expected: null,
  };
  await refused({ hints }, /^hints: /);
  t.deepEqual(readdirSync(folder), []);
});

test("a view in which nobody has two items gives an error, not an endless search", async (t) => {
  const { TrainView } = await import("../../../lib/data/trainView.js");
  const { titles, itemCount } = parts.train;
  const view = new TrainView({
    userCount: 2,
    itemCount,
    offsets: Int32Array.of(0, 1, 2),
    items: Int32Array.of(0, 1),
    ratings: new Float32Array(2),
    titles,
    itemAttributes: {},
    userAttributes: {},
  });
  const folder = folderOf(t, {});
  await t.throwsAsync(exportInstructions(options(folder, { view })), {
    code: "E_ARGUMENT",
    message: /^view: /,
  });
  t.deepEqual(readdirSync(folder), []);
});

test("what onProgress throws comes out as it is, and nothing is written", async (t) => {
  const folder = folderOf(t, { "train.jsonl": "old\n" });
  const fault = new TypeError("no such bar");
  const onProgress = (): void => {
    throw fault;
  };
  const out = join(folder, "train.jsonl");
  await t.throwsAsync(exportInstructions(options(out, { onProgress })), { is: fault });
  t.is(readFileSync(out, "utf8"), "old\n");
  t.deepEqual(readdirSync(folder), ["train.jsonl"]);
});

test("an abort leaves the old file as it was", async (t) => {
  const folder = folderOf(t, { "train.jsonl": "old\n" });
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = (): void => controller.abort(reason);
  const out = join(folder, "train.jsonl");
  const { signal } = controller;
  await t.throwsAsync(exportInstructions(options(out, { count: 5000, onProgress, signal })), { is: reason });
  t.is(readFileSync(out, "utf8"), "old\n");
  t.deepEqual(readdirSync(folder), ["train.jsonl"]);
});
