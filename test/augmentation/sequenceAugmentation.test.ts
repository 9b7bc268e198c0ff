/** Data augmentation for sequential recommendation: what the language model is asked, and where its choice lands. */
import test from "ava";
import {
  augmentSequences,
  type SequenceAugmentationOptions,
} from "../../lib/augmentation/sequenceAugmentation.js";
import { withInsertions } from "../../lib/data/insertions.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { checked } from "../../lib/llm/checks.js";
import type { RankRequest } from "../../lib/llm/languageModel.js";
import { linesOf } from "../evaluation/canaries.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { randomView, viewOf } from "../models/planted.js";
import { blocksOf } from "./promptBlocks.js";
import { TextModel } from "./textModel.js";

const users = 30;
const items = 25;
const view = randomView(users, items, 3);

/** Titles are "Title 7": the higher the number, the better. */
const number = (title: string): number => Number(title.trim().replace("Title ", ""));
const byNumber = (): TextModel => new TextModel(number);
const shown = (request: RankRequest): string[] => request.candidates.map((text) => text.trim());

/** The triples of one run, user by user. */
async function triplesOf(
  options: Partial<SequenceAugmentationOptions> = {},
  of = view,
): Promise<[user: number, position: number, item: number][]> {
  const { insertions } = await augmentSequences(byNumber(), of, { seed: 1, ...options });
  return Array.from({ length: insertions.length / 3 }, (_, row) => [
    insertions[3 * row],
    insertions[3 * row + 1],
    insertions[3 * row + 2],
  ]);
}

test("one question a user: ten unseen candidates, the chosen one put before an item of the history", async (t) => {
  const model = byNumber();
  const { insertions, ...counts } = await augmentSequences(model, view, { seed: 3 });
  t.like(counts, { asked: users, answered: users });
  t.is(insertions.length, 3 * users);
  for (let user = 0; user < users; user++) {
    const [owner, position, item] = insertions.subarray(3 * user, 3 * user + 3);
    const candidates = shown(model.chosen[user]).map(number);
    t.is(owner, user);
    t.true(position >= 0 && position < view.userCounts[user]);
    t.is(new Set(candidates).size, 10);
    for (const candidate of candidates) t.false(view.has(user, candidate));
    t.is(item, Math.max(...candidates));
  }
  const rows = withInsertions(view, insertions);
  for (let user = 0; user < users; user++)
    t.is(
      rows.items[rows.offsets[user + 1] - 1],
      view.items[view.offsets[user + 1] - 1],
      "the last item stays the last",
    );
});

test("the prompt tells the history oldest to newest, its newest titles when cut", async (t) => {
  for (const [historyTitles, mode] of [
    [50, "likelihood"],
    [2, "labels"],
    [0, "likelihood"],
  ] as const) {
    const model = byNumber();
    await augmentSequences(model, view, { seed: 1, historyTitles, mode });
    for (const [user, request] of model.chosen.entries()) {
      const { history, similar, prediction, candidates } = blocksOf(request.prefix);
      const all = Array.from(view.itemsOf(user), (item) => view.titles[item]);
      t.deepEqual(history, historyTitles === 0 ? [] : all.slice(-historyTitles));
      t.deepEqual([...similar, ...prediction], []);
      t.is(candidates.length, mode === "labels" ? 10 : 0);
      t.like(request, { mode, template: "sequential-2" });
    }
  }
});

test("one prompt of each kind, to the letter", async (t) => {
  const small = viewOf([[2, 0]], 4, ["Alien", "Dune", "Moon", "Up"]);
  const ask = async (mode: "likelihood" | "labels"): Promise<RankRequest> => {
    const model = new TextModel(() => 0);
    await augmentSequences(model, small, { seed: 1, mode });
    return model.chosen[0];
  };
  const beginning = "The user's list, oldest first:\n Moon\n Alien\n";
  const { prefix, candidates } = await ask("likelihood");
  t.is(prefix, `${beginning}What comes next in the list?\n`);
  const [first, second] = candidates;
  t.deepEqual([first, second].sort(), [" Dune\n", " Up\n"]);
  const labelled = await ask("labels");
  t.is(labelled.prefix, `${beginning}Which of these comes next?\n A.${first} B.${second}`);
  t.deepEqual(labelled.candidates, [" A", " B"]);
});

test("same seed, same triples; another seed, others; an answer changes no later draw", async (t) => {
  t.deepEqual(await triplesOf({ seed: 7 }), await triplesOf({ seed: 7 }));
  t.notDeepEqual(await triplesOf({ seed: 7 }), await triplesOf({ seed: 8 }));
  const ask = async (model: TextModel): Promise<RankRequest[]> => {
    await augmentSequences(model, view, { seed: 7, insertions: 2 });
    return model.chosen;
  };
  t.deepEqual(await ask(byNumber()), await ask(new TextModel((title) => -number(title))));
});

test("more insertions: candidates of their own, all put in together", async (t) => {
  const model = byNumber();
  const options = { seed: 2, insertions: 3, candidates: 4 };
  const { insertions, asked, answered } = await augmentSequences(model, view, options);
  t.deepEqual([asked, answered], [3 * users, 3 * users]);
  for (let user = 0; user < users; user++) {
    const lists = model.chosen.slice(3 * user, 3 * user + 3).flatMap(shown);
    t.is(new Set(lists).size, 12);
  }
  t.is(withInsertions(view, insertions).items.length, view.items.length + 3 * users);
});

/** Whether counts of `expected` each are as level as chance has them: chi-square within 4 deviations. */
function level(counts: readonly number[], expected: number): boolean {
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return Math.abs(statistic - freedom) < 4 * Math.sqrt(2 * freedom);
}

test("positions, candidates and their order are uniform", async (t) => {
  const small = viewOf([[0, 1, 2, 3, 4], [5]], 12);
  const seeds = 3000;
  const positions = new Array<number>(5).fill(0);
  const drawn = new Array<number>(12).fill(0);
  const first = new Array<number>(12).fill(0);
  for (let seed = 1; seed <= seeds; seed++) {
    const model = byNumber();
    const { insertions } = await augmentSequences(model, small, { seed, candidates: 3 });
    t.is(insertions[4], 0, "before the only item");
    positions[insertions[1]]++;
    const candidates = shown(model.chosen[0]).map(number);
    for (const item of candidates) drawn[item]++;
    first[candidates[0]]++;
  }
  t.true(level(positions, seeds / 5), positions.join());
  t.deepEqual(drawn.slice(0, 5), [0, 0, 0, 0, 0]);
  t.true(level(drawn.slice(5), (3 * seeds) / 7), drawn.join());
  t.true(level(first.slice(5), seeds / 7), first.join());
});

test("held-out items are candidates as often as any other unseen item, and never history", async (t) => {
  const shop = generateShop({ users: 60, items: 80, interactions: 900 });
  const { train, validation, test: last } = split(shop);
  const histories = Array.from(train.userCounts.keys(), (user) => linesOf(train, user).slice(-50));
  const asked = [...train.userCounts.keys()].filter((user) => train.userCounts[user] > 0);
  const targets = [validation, last].map(
    (rows) => new Map(Array.from(rows.users, (user, row) => [user, shop.titles[rows.items[row]]])),
  );
  let [found, expected] = [0, 0];
  for (let seed = 1; seed <= 30; seed++) {
    const model = new TextModel((title) => title.length);
    await augmentSequences(model, train, { seed });
    for (const [index, user] of asked.entries()) {
      const { history } = blocksOf(model.chosen[index].prefix);
      t.deepEqual(history, histories[user], "the training history and nothing else");
      const candidates = new Set(shown(model.chosen[index]));
      for (const target of targets) {
        const title = target.get(user);
        if (title === undefined) continue;
        if (candidates.has(title)) found++;
        expected += 10 / (train.itemCount - train.userCounts[user]);
      }
    }
  }
  t.true(expected > 100);
  t.true(Math.abs(found - expected) < 4 * Math.sqrt(expected), `${found} of ${expected}`);
});

test("users without history or with fewer than two unseen items are not asked", async (t) => {
  const full = viewOf([[0, 1, 2], [0, 1], [2], []], 3);
  const model = byNumber();
  const { insertions, asked } = await augmentSequences(model, full, { seed: 1 });
  t.is(asked, 1);
  t.deepEqual([...insertions], [2, 0, 1]);
  const twice = await augmentSequences(byNumber(), full, { seed: 1, candidates: 2, insertions: 2 });
  t.is(twice.asked, 1, "the second question would have no candidates left");
});

test("a model that fails puts nothing in", async (t) => {
  for (const fault of ["throw", "nan", "short", "off scale"] as const) {
    const model = new FaultyLanguageModel(fault);
    const { insertions, ...counts } = await augmentSequences(checked(model), view, { seed: 1 });
    t.like(counts, { asked: users, answered: 0 });
    t.is(insertions.length, 0);
  }
});

test("an abort between two questions rejects with its reason", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const model = byNumber();
  const onProgress = (done: number, total: number): void => {
    t.is(total, users);
    if (done === 4) controller.abort(reason);
  };
  const options = { seed: 1, onProgress, signal: controller.signal };
  await t.throwsAsync(augmentSequences(model, view, options), { is: reason });
  t.true(model.chosen.length >= 4 && model.chosen.length < 12, "those that were under way, no more");
});

test("so does one while the last question is answered: it counts as no answer", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const model: TextModel = new TextModel((title) => {
    if (model.chosen.length === users) controller.abort(reason);
    return number(title);
  });
  const { signal } = controller;
  await t.throwsAsync(augmentSequences(model, view, { seed: 1, signal }), { is: reason });
  t.is(model.chosen.length, users);
});

test("bad options are refused before anything is asked", async (t) => {
  const model = byNumber();
  for (const [options, message] of [
    [{ candidates: 1 }, /^candidates: expected an integer of at least 2, got 1$/],
    [{ candidates: 2.5 }, /^candidates/],
    [{ insertions: 0 }, /^insertions: expected an integer of at least 1, got 0$/],
    [{ seed: -1 }, /^seed/],
  ] as const)
    await t.throwsAsync(augmentSequences(model, view, { seed: 1, ...options }), {
      code: "E_ARGUMENT",
      message,
    });
  t.is(model.chosen.length, 0);
});
