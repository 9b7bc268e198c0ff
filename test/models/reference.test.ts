import test, { type ExecutionContext } from "ava";
import type { Ranker } from "../../lib/models/ranker.js";
import { ease } from "../../lib/models/reference/ease.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { raises } from "../native/raises.js";
import { randomView, viewOf } from "./planted.js";

/** Inverse by Gauss and Jordan with pivoting. */
function inverse(matrix: number[][]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < n; column++) {
    const pivot = rows
      .slice(column)
      .reduce((best, row) => (Math.abs(row[column]) > Math.abs(best[column]) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(
      column,
      0,
      pivot.map((x) => x / pivot[column]),
    );
    for (const [i, row] of rows.entries())
      if (i !== column) rows[i] = row.map((x, j) => x - row[column] * rows[column][j]);
  }
  return rows.map((row) => row.slice(n));
}

/** EASE as the paper writes it, on nested arrays. */
function naiveScores(
  histories: readonly (readonly number[])[],
  items: number,
  lambda: number,
  recency: number,
  recencyFloor: number,
): number[][] {
  const X = histories.map((history) =>
    Array.from({ length: items }, (_, item) => (history.includes(item) ? 1 : 0)),
  );
  const ids = Array.from({ length: items }, (_, item) => item);
  const gram = ids.map((i) =>
    ids.map((j) => X.reduce((sum, row) => sum + row[i] * row[j], i === j ? lambda : 0)),
  );
  const P = inverse(gram);
  const B = ids.map((i) => ids.map((j) => (i === j ? 0 : -P[i][j] / P[j][j])));
  return histories.map((history) =>
    ids.map((j) =>
      history.reduce(
        (sum, i, place) => sum + (recency ** (history.length - 1 - place) + recencyFloor) * B[i][j],
        0,
      ),
    ),
  );
}

function sameScores(t: ExecutionContext, ranker: Ranker, expected: number[][]): void {
  const users = Int32Array.from(expected.keys());
  const top = ranker.topK(users, { k: ranker.itemCount });
  expected.forEach((scores, user) => {
    topKRow(top, user).forEach((item, place) => {
      t.true(Math.abs(top.scores[user * top.k + place] - scores[item]) < 1e-9);
    });
  });
}

for (const [recency, recencyFloor] of [
  [1, 0],
  [0.8, 0],
  [0.8, 0.05],
])
  test(`EASE is its closed form, recency ${recency} + ${recencyFloor}`, async (t) => {
    const view = randomView(25, 12, 3);
    const histories = Array.from({ length: 25 }, (_, user) => [...view.itemsOf(user)]);
    using ranker = await ease(view, { lambda: 3, recency, recencyFloor });
    sameScores(t, ranker, naiveScores(histories, 12, 3, recency, recencyFloor));
  });

test("EASE by hand: two items that always go together", async (t) => {
  // X^T X + I = [[3, 2], [2, 3]], its inverse [[3, -2], [-2, 3]] / 5, so B = [[0, 2/3], [2/3, 0]].
  using ranker = await ease(
    viewOf(
      [
        [0, 1],
        [1, 0],
      ],
      2,
    ),
    { lambda: 1 },
  );
  sameScores(t, ranker, [
    [2 / 3, 2 / 3],
    [2 / 3, 2 / 3],
  ]);
});

test("EASE refuses a lambda or recency that makes no sense", async (t) => {
  const view = randomView(4, 6, 2);
  for (const options of [
    { lambda: 0 },
    { lambda: Number.NaN },
    { lambda: 1, recency: 0 },
    { lambda: 1, recency: 2 },
    { lambda: 1, recency: 0.8, recencyFloor: -1 },
  ])
    await t.throwsAsync(ease(view, options), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message: /(lambda|recency|recencyFloor): expected/,
    });
});

test("popularity: most users first, ties by lower index, for everybody alike", (t) => {
  using ranker = popularity(viewOf([[3, 1], [3, 2], [2, 3, 4], [1]], 6));
  const top = ranker.topK(Int32Array.of(0, 3), { k: 6 });
  for (const row of [0, 1]) {
    t.deepEqual([...topKRow(top, row)], [3, 1, 2, 4, 0, 5]);
    t.deepEqual([...top.scores.subarray(row * 6, row * 6 + 6)], [3, 2, 2, 1, 0, 0]);
  }
});

test("rankers refuse users they do not know", async (t) => {
  const view = randomView(4, 6, 2);
  for (const ranker of [popularity(view), await ease(view, { lambda: 1 })])
    for (const user of [-1, 4])
      raises(
        t,
        () => ranker.topK(Int32Array.of(0, user), { k: 1 }),
        "E_ARGUMENT",
        /users\[1\]: expected a user in 0\.\.3/,
      );
});
