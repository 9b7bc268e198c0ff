/** The rivals' hyper-parameters: the best of all that is tried on validation, under the masking that is reported. */
import test from "ava";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { chooseEaseLambda, chooseRecencyEase } from "../../lib/evaluation/rivals.js";
import { evaluateRanking, type Masking } from "../../lib/models/fullRanking.js";
import { type EaseOptions, ease } from "../../lib/models/reference/ease.js";

const parts = split(generateShop({ users: 80, items: 50, interactions: 900 }));
const lambdas = [5, 50, 500];
const recencies = [0.6, 0.9];

/** NDCG@5 on validation, with the whole fit once more. */
async function validated(options: EaseOptions, masking: Masking): Promise<number> {
  using ranker = await ease(parts.train, options);
  return evaluateRanking(ranker, parts.train, parts.validation, { masking }).metrics["ndcg@5"];
}

for (const masking of ["seen", "none"] as const)
  test(`lambda and recency are the best on validation, masking ${masking}`, async (t) => {
    const plain = await Promise.all(lambdas.map((lambda) => validated({ lambda }, masking)));
    t.is(await chooseEaseLambda(parts, { lambdas, masking }), lambdas[plain.indexOf(Math.max(...plain))]);

    const pairs = lambdas.flatMap((lambda) => recencies.map((recency) => ({ lambda, recency })));
    const figures = await Promise.all(
      pairs.map((pair) => validated({ ...pair, recencyFloor: 0.05 }, masking)),
    );
    t.true(new Set(figures).size > 1);
    const found = await chooseRecencyEase(parts, { lambdas, recencies, masking });
    t.deepEqual(found, pairs[figures.indexOf(Math.max(...figures))]);
  });

test("progress counts ridge weights; an abort between two of them rejects with its reason", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const steps: number[][] = [];
  const onProgress = (...step: number[]): void => {
    steps.push(step);
    if (steps.length === 2) controller.abort(reason);
  };
  const { signal } = controller;
  await t.throwsAsync(chooseRecencyEase(parts, { lambdas, onProgress, signal }), { is: reason });
  t.deepEqual(steps, [
    [1, 3],
    [2, 3],
  ]);
});

test("nothing to try is refused", async (t) => {
  await t.throwsAsync(chooseEaseLambda(parts, { lambdas: [] }), { code: "E_ARGUMENT", message: /^lambdas/ });
  const none = { lambdas, recencies: [] };
  await t.throwsAsync(chooseRecencyEase(parts, none), { code: "E_ARGUMENT", message: /^recencies/ });
  const wrong = { lambdas, recencies: [1.5] };
  await t.throwsAsync(chooseRecencyEase(parts, wrong), { code: "E_ARGUMENT", message: /^recency/ });
});
