import type { LearnedWeight } from "../aggregation/crossFit.js";
import type { Cell, ListName, RowFacts } from "./cell.js";
import type { AlphaCurve, Figures, HelpedUsers, Mixing, ModeFigures, RowName } from "./summary.js";

/** Long-tail coefficients in cells are scaled: their range. */
export const SCALED = { min: 0, max: 1 } as const;

/** One row of a table on the test rows of one seed. */
export interface SeedOutcome {
  readonly seed: number;
  readonly metrics: Figures;
  /** `[rows]` user of each test row. */
  readonly users: readonly number[];
  /** `[rows]` what the primary metric is the mean of: NDCG@5, or the squared error whose root is the RMSE. */
  readonly values: readonly number[];
}

/** One row of a table over all seeds. */
export interface Outcome {
  readonly row: RowName;
  readonly seeds: readonly SeedOutcome[];
  readonly mixing: Mixing | null;
  /** Share of the asked test rows that the mixture changed; null where nothing is mixed. */
  readonly changed: number | null;
}

/** What is known of the test rows of a seed, for segments. */
export interface TestFacts {
  readonly seed: number;
  /** `[rows]` */
  readonly interactions: readonly number[];
  /** `[rows]` */
  readonly popularity: readonly number[];
}

/** Of a cell; every cell has the list of the second seed. */
export function testFacts({ seed, lists }: Cell<RowFacts>): TestFacts {
  const test = lists["second-seed"]?.test ?? [];
  return {
    seed,
    interactions: test.map(({ interactions }) => interactions),
    popularity: test.map(({ popularity }) => popularity),
  };
}

/** All that one backbone brought. */
export interface BackboneOutcome {
  readonly backbone: string;
  readonly outcomes: readonly Outcome[];
  readonly facts: readonly TestFacts[];
  readonly curve: AlphaCurve | null;
  readonly modes: readonly ModeFigures[];
  readonly helped: HelpedUsers | null;
}

/** Smallest, mean and largest of the weights; all zero where there are none. */
export function spreadOf(weights: readonly number[]): Mixing["weights"] {
  if (weights.length === 0) return { min: 0, mean: 0, max: 0 };
  return {
    min: weights.reduce((least, weight) => Math.min(least, weight)),
    mean: weights.reduce((sum, weight) => sum + weight, 0) / weights.length,
    max: weights.reduce((most, weight) => Math.max(most, weight)),
  };
}

/** The parts among which the row `chosen` chooses: both augmentations, either, none. */
const PARTS = ["llama4rec", "without-data", "without-prompt", "ift"] as const satisfies readonly ListName[];

/** The lists that a row may read; of several, validation chooses one. */
export function listsOf(row: RowName): readonly ListName[] {
  if (row === "base") return ["second-seed"];
  if (row === "chosen") return PARTS;
  return row === "without-adaptive" || row === "learned" ? ["llama4rec"] : [row];
}

/** Whom the other side helps, by cross-fitted weights on validation rows. */
export function helpedUsers(backbone: string, { fallback, activity }: LearnedWeight): HelpedUsers {
  const buckets = activity
    .filter(({ rows }) => rows > 0)
    .map(({ interactions: [fewest, most], rows, improved, worsened, meanAlpha }) => ({
      label: `${fewest} to ${most} interactions`,
      rows,
      improved: Math.round(improved * rows),
      worsened: Math.round(worsened * rows),
      alpha: meanAlpha,
    }));
  return { backbone, fallback, buckets };
}

/** Says in the row `chosen` whose list it took. */
export function withParts(outcome: Outcome, list: ListName): Outcome {
  if (outcome.row !== "chosen" || outcome.mixing === null) return outcome;
  return { ...outcome, mixing: { ...outcome.mixing, parts: list } };
}
