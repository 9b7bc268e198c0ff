/** Ways to weigh the language model that validation chooses from; the same for rankings and ratings. */

import { argumentError } from "../native/errors.js";
import { adaptiveWeight, type LongTailRange, type WeightForm } from "./weight.js";

/** One pair of the grid. */
export interface AlphaPair {
  /** Scale: the weight of the sparsest user. */
  alpha1: number;
  /** Cut-off: the floor of the scaled coefficient. */
  alpha2: number;
}

/** A pair under one reading of Eq. 7; also what `adaptiveWeight` takes. */
export interface AdaptiveSetting extends AlphaPair {
  form: WeightForm;
}

/** The same weight for every user: the row "without adaptive aggregation" of the paper's Table 5. */
export interface UniformSetting {
  /** In [0, 1]; 0 is the backbone alone. */
  alpha: number;
}

/** What `chooseAlpha` and `chooseRatingAlpha` try. */
export interface AlphaSearchOptions {
  /** Readings of Eq. 7; `["scaled"]` unless told. */
  readonly forms?: readonly WeightForm[];
}

/** What validation found. */
export interface Choice<P> {
  /** The winning row of `points`. */
  best: P;
  /** Every row tried, the backbone alone first: what curves are drawn from. */
  points: P[];
}

const GRID_VALUES = [0.1, 0.3, 0.5, 0.7, 0.9];

/**
 * The paper's grid, alpha_1 and alpha_2 each from {.1, .3, .5, .7, .9} (Llama4Rec, arXiv 2401.13870), after (0, 0),
 * the backbone alone: 26 pairs.
 */
export const alphaGrid: readonly AlphaPair[] = [
  { alpha1: 0, alpha2: 0 },
  ...GRID_VALUES.flatMap((alpha1) => GRID_VALUES.map((alpha2) => ({ alpha1, alpha2 }))),
];

/**
 * Weights tried where all users share one: 0, .1, .2, .. 1. The paper names none; the steps are finer than the grid's
 * and reach the language model alone, so that the ablation is no weaker for want of a value.
 */
export const uniformGrid: readonly number[] = Array.from({ length: 11 }, (_, n) => n / 10);

/** @internal A setting and the alpha_u that it gives a user of coefficient l_u. */
export interface WeightRule<S> {
  readonly setting: S;
  readonly weight: (coefficient: number) => number;
}

/** @internal Eq. 7 over the grid, the backbone alone first, then by alpha_1, alpha_2 and form. */
export function adaptiveRules(
  range: LongTailRange,
  { forms = ["scaled"] }: AlphaSearchOptions,
): WeightRule<AdaptiveSetting>[] {
  if (forms.length === 0) throw argumentError("forms", "at least one reading of the formula", forms);
  return alphaGrid.flatMap((pair) =>
    (pair.alpha1 === 0 ? forms.slice(0, 1) : forms).map((form) => {
      const setting = { ...pair, form };
      return { setting, weight: (coefficient: number) => adaptiveWeight(coefficient, range, setting) };
    }),
  );
}

/** @internal One weight for all, ascending. */
export function uniformRules(): WeightRule<UniformSetting>[] {
  return uniformGrid.map((alpha) => ({ setting: { alpha }, weight: () => alpha }));
}

/**
 * @internal The best point; of equal ones the earliest, for rules are listed with less language model first.
 *
 * @param compare - Above 0 where the first is better.
 */
export function chooseBest<P>(points: P[], compare: (a: P, b: P) => number): Choice<P> {
  return { best: points.reduce((best, point) => (compare(point, best) > 0 ? point : best)), points };
}
