import test from "ava";
import {
  featureNames,
  kendallTau,
  margin,
  ratingFeatureNames,
  ratingWeightFeatures,
  weightFeatures,
} from "../../lib/aggregation/features.js";
import { historyEntropy } from "../../lib/aggregation/historyEntropy.js";
import { TrainView } from "../../lib/data/trainView.js";

const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;

test("Kendall's tau: 1 for the same order on any scale, -1 for the reverse, by hand between", (t) => {
  t.is(kendallTau([-1, -2, -3], [40, 2, -7]), 1);
  t.is(kendallTau([1, 2, 3, 4], [4, 3, 2, 1]), -1);
  // Of six pairs one is turned round.
  t.true(close(kendallTau([1, 2, 3, 4], [1, 3, 2, 4]), 4 / 6));
  // Ties, tau-b: 5 pairs in order, 6 told apart by one side, 5 by the other.
  t.true(close(kendallTau([1, 2, 3, 4], [1, 2, 2, 3]), 5 / Math.sqrt(30)));
  t.is(kendallTau([1, 2], [3, 3]), 0);
  t.is(kendallTau([1], [3]), 0);
  t.throws(() => kendallTau([1], [1, 2]), { code: "E_ARGUMENT", message: /^b: / });
  t.throws(() => kendallTau([1, Number.NaN], [1, 2]), { message: /^a\[1\]: / });
});

test("the margin is in standard deviations: any scale and shift give the same", (t) => {
  // Mean 2, variance 2/3.
  t.true(close(margin([1, 3, 2]), 1 / Math.sqrt(2 / 3)));
  t.true(close(margin([-70, -50, -60]), margin([1, 3, 2])));
  t.is(margin([3, 3, 1]), 0);
  t.is(margin([4, 4, 4]), 0);
  t.is(margin([4]), 0);
  t.throws(() => margin([1, Number.POSITIVE_INFINITY]), { message: /^scores\[1\]: / });
});

test("features come in the order of their names; scores replace places in the margin alone", (t) => {
  const input = { interactions: 7, entropy: 0.3, recommender: [-1, -2, -3], languageModel: [-2, -1, -3] };
  const features = weightFeatures(input);
  t.deepEqual([...featureNames], ["interactions", "entropy", "agreement", "margin"]);
  t.true(close(features[0], Math.log(8)));
  t.is(features[1], 0.3);
  t.true(close(features[2], 1 / 3));
  t.true(close(features[3], margin([-2, -1, -3])));
  const scored = weightFeatures({ ...input, scores: [5, 9, 1] });
  t.deepEqual(scored.slice(0, 3), features.slice(0, 3));
  t.true(close(scored[3], margin([5, 9, 1])));
});

test("features of a rating by hand", (t) => {
  const input = { interactions: 7, entropy: 0.3, recommender: 3, languageModel: 2.5 };
  t.deepEqual(ratingWeightFeatures({ ...input, certainty: 0.8 }), [Math.log1p(7), 0.3, 0.5, 0.8]);
  t.is(ratingWeightFeatures(input)[3], 0);
  t.is(ratingWeightFeatures(input).length, ratingFeatureNames.length);
});

function view(itemAttributes: TrainView["itemAttributes"]): TrainView {
  return new TrainView({
    userCount: 4,
    itemCount: 4,
    // Counts of items: 3, 1, 2, 0.
    offsets: Int32Array.of(0, 3, 4, 6, 6),
    items: Int32Array.of(0, 1, 2, 0, 0, 2),
    ratings: new Float32Array(6).fill(1),
    titles: ["a", "b", "c", "d"],
    itemAttributes,
    userAttributes: {},
  });
}

test("entropy of the genres: items of two genres count in halves, of none not at all", (t) => {
  const genres = [["Drama"], ["Comedy", "Drama"], [], ["War"]];
  const data = view({ genres });
  // User 0: 1.5 Drama, .5 Comedy.
  t.true(close(historyEntropy(data, 0), -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25))));
  t.is(historyEntropy(data, 1), 0);
  t.is(historyEntropy(data, 2), 0);
  t.is(historyEntropy(data, 3), 0);
  const author = ["X", "Y", "", "Y"];
  t.true(close(historyEntropy(view({ author }), 0, "author"), Math.log(2)));
});

test("without genres it is the entropy of the popularity, in classes of doubling counts", (t) => {
  // Counts 3, 1, 2: two items in the class 2-3, one in the class 1.
  t.true(close(historyEntropy(view({}), 0), -((2 / 3) * Math.log(2 / 3) + (1 / 3) * Math.log(1 / 3))));
  t.is(historyEntropy(view({}), 2), 0);
});
