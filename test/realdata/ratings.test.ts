/** Rating on MovieLens-100K: the closed-form references, and one backbone that beats the first of them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { openDataset, resolveDataFolder, split } from "../../lib/data/index.js";
import { evaluateRatings, type Rater } from "../../lib/models/ratings.js";
import { biasRater } from "../../lib/models/reference/bias.js";
import { residualFactors } from "../../lib/models/reference/residualFactors.js";
import { trainRating } from "../../lib/training/trainRating.js";

const data = join(resolveDataFolder(), "ml-100k");

test("biases, factors of what they leave, and DeepFM", async (t) => {
  if (!existsSync(data)) {
    t.pass(`skipped: no ${data} (set LLAMA4REC_DATA)`);
    return;
  }
  const { train, validation, test: rows } = split(await openDataset({ data }), { likeThreshold: null });
  const figures = (rater: Rater): string => {
    const { rmse, mae, users } = evaluateRatings(rater, rows);
    return `${users}: ${rmse.toFixed(4)} ${mae.toFixed(4)}`;
  };
  const damping = { items: 5, users: 5 };
  t.is(figures(biasRater(train, damping)), "940: 1.0305 0.8077");
  t.is(figures(residualFactors(train, { damping })), "940: 1.0195 0.7984");
  const { predictor } = await trainRating({
    backbone: "DeepFM",
    view: train,
    seed: 1,
    hyperparameters: { epochs: 8 },
    validation: { heldOut: validation },
    evaluateEvery: 1,
  });
  t.true(evaluateRatings(predictor, rows).rmse < 1.0305);
  predictor.dispose();
});
