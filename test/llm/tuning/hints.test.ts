/** Reading hints, on numbers made by hand. */
import test from "ava";
import { HintReader, type TuningHints } from "../../../lib/llm/tuning/hints.js";
import { viewOf } from "../../models/planted.js";

const view = viewOf([[0, 1], [2]], 3);
const hints: TuningHints = {
  view: view.digest,
  interactionFolds: Uint8Array.of(0, 1, 1),
  ranking: [
    {
      dimension: 2,
      users: Float32Array.of(1, 2, 3, 4),
      items: Float32Array.of(1, 0, 0, 1, 1, 1),
      itemBiases: Float32Array.of(0, 10, 20),
      similar: Int32Array.of(1, 0),
    },
    {
      dimension: 1,
      users: Float32Array.of(-1, 0),
      items: Float32Array.of(5, 6, 7),
      itemBiases: null,
      similar: Int32Array.of(-1, -1),
    },
  ],
  sequence: null,
  expected: Float32Array.of(1.5, 2.5, 3.5),
};

test("scores, similar users and ratings come from the fold of the interaction", (t) => {
  using reader = new HintReader(hints, view);
  t.deepEqual(reader.foldScores(0, 0, [2, 0]), Float64Array.of(23, 1));
  t.deepEqual(reader.foldScores(0, 1, [2, 0]), Float64Array.of(-7, -5));
  t.deepEqual(
    [0, 1].map((interaction) => reader.similarUser(0, interaction)),
    [1, null],
  );
  t.is(reader.expectedRating(2), 3.5);
});

test("no scores for a user of whom the model saw nothing, nor where hints were not asked for", (t) => {
  using reader = new HintReader(hints, view);
  t.is(reader.foldScores(1, 2, [0]), null);
  t.is(reader.sequenceScores(0, Int32Array.of(0), [1]), null);
  using none = new HintReader({ ...hints, ranking: null, expected: null }, view);
  t.is(none.foldScores(0, 0, [0]), null);
  t.is(none.similarUser(0, 0), null);
  t.is(none.expectedRating(0), null);
});
