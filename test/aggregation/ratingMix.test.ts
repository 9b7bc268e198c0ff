import test from "ava";
import { alphaGrid, uniformGrid } from "../../lib/aggregation/choice.js";
import {
  chooseRatingAlpha,
  chooseUniformRatingAlpha,
  evaluateRatingMixture,
  type HeldOutRating,
  mixRatings,
} from "../../lib/aggregation/ratingMix.js";
import { adaptiveWeight, longTailCoefficient, longTailRange } from "../../lib/aggregation/weight.js";

const RANGE = longTailRange(Int32Array.of(1, 3, 7));

function row(
  count: number,
  actual: number,
  recommender: number,
  languageModel: number | null,
): HeldOutRating {
  return { coefficient: longTailCoefficient(count), actual, recommender, languageModel };
}

test("a mixture by hand, and the backbone's own bits at alpha 0 and without an answer", (t) => {
  t.is(mixRatings({ recommender: 3, languageModel: 5 }, 0.25), 3.5);
  t.is(mixRatings({ recommender: 3.1, languageModel: 5 }, 0), 3.1);
  t.is(mixRatings({ recommender: 3.1, languageModel: 5 }, 1), 5);
  t.is(mixRatings({ recommender: 3.1, languageModel: null }, 0.9), 3.1);
});

test("errors by hand, unanswered rows among them", (t) => {
  const rows = [row(1, 4, 2, 4), row(7, 3, 4, null)];
  const { rmse, mae } = evaluateRatingMixture(rows, () => 0.5);
  t.is(rmse, 1);
  t.is(mae, 1);
});

test("the weights that fit are found: adaptive where the sparse need more, and the point works as it is", (t) => {
  // Right at .9 for the sparsest, .45 in the middle, .27 for the heaviest: alpha1 .9, alpha2 .3.
  const rows = [row(1, 3.9, 3, 4), row(3, 3.45, 3, 4), row(7, 3.27, 3, 4)];
  const { best, points } = chooseRatingAlpha(rows, RANGE);
  t.deepEqual([best.alpha1, best.alpha2, best.form], [0.9, 0.3, "scaled"]);
  t.true(best.metrics.rmse < 1e-12);
  t.is(points.length, alphaGrid.length);
  t.deepEqual([points[0].alpha1, points[0].alpha2], [0, 0]);
  t.true(Math.abs(mixRatings(rows[0], adaptiveWeight(rows[0].coefficient, RANGE, best)) - 3.9) < 1e-12);
});

test("both forms are searched when asked, each point says which", (t) => {
  // max(.9 x, .7) is .9, .7, .7 for x = 1, 1/2, 0: no alpha1 * max(x, alpha2) of the grid is.
  const rows = [row(1, 3.9, 3, 4), row(3, 3.7, 3, 4), row(7, 3.7, 3, 4)];
  const { best, points } = chooseRatingAlpha(rows, RANGE, { forms: ["scaled", "alternative"] });
  t.deepEqual([best.alpha1, best.alpha2, best.form], [0.9, 0.7, "alternative"]);
  t.is(points.length, 1 + 25 * 2);
  t.true(best.metrics.rmse < chooseRatingAlpha(rows, RANGE).best.metrics.rmse);
});

test("one weight for all is found on its own grid", (t) => {
  const { best, points } = chooseUniformRatingAlpha([row(1, 3.6, 3, 4), row(7, 2.4, 3, 2)]);
  t.is(best.alpha, 0.6);
  t.deepEqual(
    points.map(({ alpha }) => alpha),
    [...uniformGrid],
  );
  t.deepEqual([...uniformGrid], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
});

test("a language model that is wrong, silent or of one mind with the backbone gets no weight", (t) => {
  for (const languageModel of [1, null, 4]) {
    const rows = [row(1, 4, 4, languageModel), row(7, 5, 4, languageModel)];
    t.is(chooseRatingAlpha(rows, RANGE).best.alpha1, 0);
    t.is(chooseUniformRatingAlpha(rows).best.alpha, 0);
  }
});

test("refuses no rows, no forms and numbers that are none", (t) => {
  t.throws(() => chooseRatingAlpha([], RANGE), { code: "E_ARGUMENT", message: /^rows: / });
  t.throws(() => chooseUniformRatingAlpha([]), { message: /^rows: / });
  t.throws(() => chooseRatingAlpha([row(1, 3, 3, 3)], RANGE, { forms: [] }), { message: /^forms: / });
  t.throws(() => chooseRatingAlpha([row(1, Number.NaN, 3, 3)], RANGE), { message: /^rows\[0\]\.actual: / });
  t.throws(() => mixRatings({ recommender: Number.NaN, languageModel: 1 }, 0), { message: /^recommender: / });
  t.throws(() => mixRatings({ recommender: 1, languageModel: Number.POSITIVE_INFINITY }, 0), {
    message: /^languageModel: /,
  });
  t.throws(() => mixRatings({ recommender: 1, languageModel: 1 }, 1.1), { message: /^alpha: / });
});
