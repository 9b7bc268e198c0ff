import test from "ava";
import { Random } from "../../../lib/data/random.js";
import { TrainView } from "../../../lib/data/trainView.js";
import { NO_CHAT, POCKET_CHAT } from "../../../lib/llm/chat.js";
import { batchOf } from "../../../lib/llm/pocket/batch.js";
import { promptTokens } from "../../../lib/llm/tokens.js";
import { catalogueTokenizer, POCKET_LABELS } from "../../../lib/llm/tuning/catalogueTokenizer.js";
import { InstructionSource, prefixText } from "../../../lib/llm/tuning/instructions.js";
import { batchRows, Packer } from "../../../lib/llm/tuning/packing.js";
import { kindView } from "./views.js";

const plan = { questions: { title: 2, choose: 1, compare: 3, rate: 2 }, hintRate: 0 };
const mix = { direct: 1, sequential: 1, rating: 1 };
const view = kindView(12, 12, 9);
const source = (of: TrainView, seed = 1): InstructionSource =>
  new InstructionSource(of, { mix, labels: POCKET_LABELS, hints: null, seed });
const rows = (from: InstructionSource, count: number) =>
  Array.from({ length: count }, (_, number) => from.row(number, plan));

test("answers are items to come, prompts hold only what came before", (t) => {
  for (const { user, history, instructions } of rows(source(view), 50)) {
    const own = Array.from(view.itemsOf(user), (item) => view.titles[item]);
    const before = history.map(({ title }) => title);
    t.deepEqual(before, own.slice(0, before.length));
    t.true(before.length >= 1 && before.length < own.length);
    const coming = own.slice(before.length).map((title) => ` ${title}\n`);
    t.true(instructions.length >= 1);
    for (const { kind, question, answer, rejected } of instructions)
      if (kind === "title") t.true(coming.includes(answer));
      else if (kind === "rate") t.regex(answer, /^ [1-5]$/);
      else {
        const lines = question.split("\n").slice(1, -1);
        const chosen = lines.find((line) => line.startsWith(`${answer}.`)) ?? "";
        t.true(coming.includes(`${chosen.slice(answer.length + 1)}\n`), question);
        for (const line of lines.filter((other) => other !== chosen))
          t.false(own.includes(line.slice(answer.length + 2)), "the others are unseen in training");
        t.is(rejected !== undefined, kind === "compare");
      }
  }
});

test("the same seed and number give the same row, another seed others", (t) => {
  t.deepEqual(rows(source(view), 20), rows(source(view), 20));
  t.notDeepEqual(rows(source(view), 20), rows(source(view, 2), 20));
  t.deepEqual(source(view).row(17, plan), rows(source(view), 18)[17], "in any order");
});

test("an epoch meets every user with two items or more", (t) => {
  const from = source(view);
  const users = Array.from({ length: from.rowsPerEpoch }, (_, number) => from.row(number, plan).user);
  t.deepEqual(
    [...new Set(users)].sort((a, b) => a - b),
    [...Array(view.userCount).keys()],
  );
});

test("a view of one item makes questions without others, and none fails", (t) => {
  const single = new TrainView({
    userCount: 1,
    itemCount: 1,
    offsets: Int32Array.of(0, 1),
    items: Int32Array.of(0),
    ratings: Float32Array.of(3),
    titles: ["Only"],
    itemAttributes: {},
    userAttributes: {},
  });
  t.is(source(single).rowsPerEpoch, 0);
});

test("parts of a row have the tokens of the whole prompt", (t) => {
  const tokenizer = catalogueTokenizer(view, 600);
  const [open, mark] = [POCKET_CHAT.open, POCKET_CHAT.answer].map((text) => tokenizer.encodeSpecial(text));
  const packer = new Packer(promptTokens(tokenizer, POCKET_CHAT), tokenizer);
  const weights = { historyWeight: 1, ratingWeight: 1, answerWeight: 1 };
  for (const row of rows(source(view), 20)) {
    const packed = packer.pack(row, weights, 1024, new Random(1));
    const { bos } = tokenizer.vocabulary;
    t.deepEqual([...packed.prefix], [bos, ...open, ...tokenizer.encode(prefixText(row))]);
    for (const [index, tail] of packed.tails.entries()) {
      const { question, answer } = row.instructions[index];
      const whole = tokenizer.encode(prefixText(row) + question);
      t.deepEqual(
        [...packed.prefix, ...tail],
        [bos, ...open, ...whole, ...mark, ...tokenizer.encode(answer)],
      );
    }
  }
});

test("a tuned model is asked with the labels that it was tuned on", (t) => {
  const tokens = promptTokens(catalogueTokenizer(view, 600), POCKET_CHAT);
  for (const count of [2, 10, 26])
    t.deepEqual(tokens.labels(count), { ...POCKET_LABELS, names: POCKET_LABELS.names.slice(0, count) });
});

test("labels, ratings and marks are one token each", (t) => {
  const tokenizer = catalogueTokenizer(view, 600);
  for (const name of POCKET_LABELS.names) t.is(tokenizer.encode(POCKET_LABELS.lead + name).length, 1, name);
  for (const rating of [1, 2, 3, 4, 5]) t.is(tokenizer.encode(` ${rating}`).length, 1);
  for (const mark of [POCKET_CHAT.open, POCKET_CHAT.answer]) {
    t.is(tokenizer.encodeSpecial(mark).length, 1);
    t.true(tokenizer.encode(mark).length > 1, "as text it stays text");
  }
});

test("a prompt longer than the context loses its oldest titles whole", (t) => {
  const tokenizer = catalogueTokenizer(view, 600);
  const packer = new Packer(promptTokens(tokenizer, NO_CHAT), tokenizer);
  const weights = { historyWeight: 1, ratingWeight: 1, answerWeight: 1 };
  const row = {
    ...source(view).row(0, plan),
    history: Array(200).fill({ title: "The river of 1", rating: 3 }),
  };
  const { prefix, tails } = packer.pack(row, weights, 256, new Random(1));
  for (const tail of tails) t.true(prefix.length + tail.length <= 256);
  t.true(tokenizer.decode(prefix).endsWith(" The river of 1 = 3\n"));
});

test("a batch predicts each weighted token from the one before it in its own segment", (t) => {
  const row = {
    prefix: Int32Array.of(1, 5, 6),
    prefixWeights: Float32Array.of(0, 0, 2),
    tails: [Int32Array.of(7, 8), Int32Array.of(9, 10, 11)],
    tailWeights: [Float32Array.of(0, 1), Float32Array.of(0, 0, 3)],
  };
  const batch = batchRows([row, row]);
  t.deepEqual([...batch.tokens], [1, 5, 6, 7, 8, 9, 10, 11, 1, 5, 6, 7, 8, 9, 10, 11]);
  t.deepEqual([...batch.positions], [0, 1, 2, 3, 4, 3, 4, 5, 0, 1, 2, 3, 4, 3, 4, 5]);
  t.deepEqual([...batch.segments], [0, 3, 5, 8, 11, 13, 16]);
  t.deepEqual([...batch.sequences], [0, 3, 6]);
  t.deepEqual([...batch.sources], [1, 3, 6, 9, 11, 14]);
  t.deepEqual([...batch.targets], [6, 8, 11, 6, 8, 11]);
  t.deepEqual([...batch.weights], [2, 1, 3, 2, 1, 3]);
  t.deepEqual([...batchOf([row]).tokens], [...batch.tokens.subarray(0, 8)]);
});
