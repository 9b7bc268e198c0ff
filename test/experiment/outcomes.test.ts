/** What cells become: choices on validation rows, figures on test rows. */
import test from "ava";
import type { Lists, RankedRow, RankingCell, RatedRow, RatingCell } from "../../lib/experiment/cell.js";
import { checkConfig } from "../../lib/experiment/config.js";
import { rankingOutcome } from "../../lib/experiment/rankingOutcome.js";
import { ratingOutcome } from "../../lib/experiment/ratingOutcome.js";

const configOf = (task: "direct" | "rating", backbone: string) =>
  checkConfig({
    name: "planted",
    data: "shop",
    task,
    backbones: [backbone],
    seeds: 1,
    models: { augmented: "a.gguf", plain: "b.gguf" },
    modes: ["likelihood"],
    forms: ["alternative", "scaled"],
    rows: ["base", "llama4rec", "learned"],
  });

const USERS = 200;
const facts = (user: number) => ({
  user,
  interactions: 1 + (user % 40),
  coefficient: Math.log1p(1 + (user % 40)) / Math.log1p(40),
  popularity: 3,
  entropy: 1 + (user % 3),
});
const nothing = {
  key: "",
  seed: 1,
  split: "",
  augmentation: null,
  cost: {
    prompts: 0,
    answered: 0,
    cacheHits: 0,
    evaluatedTokens: 0,
    reusedTokens: 0,
    trainingSeconds: 0,
    askingSeconds: 0,
    faults: {},
  },
};

/** The item is fourth of five for every other user, and the language model puts it first. */
function rankedRow(user: number): RankedRow {
  const found = user % 2 === 0;
  return {
    ...facts(user),
    place: found ? 4 : 0,
    candidates: 5,
    utilities: found ? { likelihood: [-2, -3, -4, -1, -5] } : {},
    margins: found ? { likelihood: 1 + (user % 5) } : {},
  };
}

/** The language model is nearer to the truth, and says nothing to every other user. */
function ratedRow(user: number): RatedRow {
  const answered = user % 2 === 0;
  const off = 0.1 * ((user % 7) - 3);
  return {
    ...facts(user),
    truth: 4,
    recommender: 2.5 + off,
    other: answered ? 4 - off : null,
    margin: answered ? 0.5 + 0.01 * (user % 9) : null,
  };
}

function listsOf<Row>(row: (user: number) => Row): Lists<Row> {
  const rows = Array.from({ length: USERS }, (_, user) => row(user));
  return { validation: rows, test: rows };
}

test("a learned weight is told of those whom there is an answer for: nobody else has one", (t) => {
  const ranked: RankingCell = {
    ...nothing,
    backbone: "MF",
    lists: { "second-seed": listsOf(rankedRow), llama4rec: listsOf(rankedRow) },
  };
  const rated: RatingCell = {
    ...nothing,
    backbone: "DeepFM",
    lists: { "second-seed": listsOf(ratedRow), llama4rec: listsOf(ratedRow) },
  };
  for (const { outcomes } of [
    rankingOutcome([ranked], configOf("direct", "MF")),
    ratingOutcome([rated], configOf("rating", "DeepFM")),
  ]) {
    const learned = outcomes.find(({ row }) => row === "learned");
    t.not(learned?.mixing?.mode, null);
    t.true((learned?.mixing?.weights.min ?? 0) > 0.4, JSON.stringify(learned?.mixing));
    t.true((learned?.changed ?? 0) >= 0.5);
  }
});

test("the curve is of the reading that was chosen: no cell twice", (t) => {
  const ranked: RankingCell = {
    ...nothing,
    backbone: "MF",
    lists: { "second-seed": listsOf(rankedRow), llama4rec: listsOf(rankedRow) },
  };
  const rated: RatingCell = {
    ...nothing,
    backbone: "DeepFM",
    lists: { "second-seed": listsOf(ratedRow), llama4rec: listsOf(ratedRow) },
  };
  for (const { curve, outcomes } of [
    rankingOutcome([ranked], configOf("direct", "MF")),
    ratingOutcome([rated], configOf("rating", "DeepFM")),
  ]) {
    const cells = (curve?.points ?? []).filter(({ alpha1 }) => alpha1 > 0);
    t.is(cells.length, 25);
    t.is(new Set(cells.map(({ alpha1, alpha2 }) => `${alpha1} ${alpha2}`)).size, 25);
    const mixing = outcomes.find(({ row }) => row === "llama4rec")?.mixing;
    const chosen = cells.find(({ alpha1, alpha2 }) => alpha1 === mixing?.alpha1 && alpha2 === mixing.alpha2);
    t.truthy(chosen);
    t.true(
      cells.every(({ value }) =>
        (curve?.base ?? 1) > 1 ? value >= (chosen?.value ?? 0) : value <= (chosen?.value ?? 0),
      ),
    );
  }
});
