import type { Split } from "../../../lib/data/split.js";
import { chooseRatingRivals, ratingRivals } from "../../../lib/evaluation/ratingRivals.js";
import { chooseEaseLambda, chooseRecencyEase, recencyFloor } from "../../../lib/evaluation/rivals.js";
import type { Figures } from "../../../lib/experiment/summary.js";
import type { Task } from "../../../lib/models/backbone.js";
import { evaluateRanking, type Masking } from "../../../lib/models/fullRanking.js";
import type { Ranker } from "../../../lib/models/ranker.js";
import { evaluateRatings, type Rater } from "../../../lib/models/ratings.js";
import { ease } from "../../../lib/models/reference/ease.js";
import { popularity } from "../../../lib/models/reference/popularity.js";

/** What a ranker without training reached on the test rows. */
export interface RivalRun {
  /** With what was chosen on validation in it. */
  readonly name: string;
  readonly metrics: Figures;
  /** Of the sequential task with known items masked; else null. */
  readonly masked: Figures | null;
  readonly users: number;
}

/** Popularity and EASE, or the bias models, of a split; what they need is chosen on its own validation rows. */
export async function measureRivals(parts: Split, task: Task): Promise<readonly RivalRun[]> {
  if (task === "rating") return ratedRivals(parts);
  const { final, test } = parts;
  // Big catalogues: an inverse takes a minute.
  const lambdas = parts.train.itemCount > 5000 ? [100, 300, 1000] : undefined;
  const measured = (ranker: Ranker, masking: Masking): Figures =>
    evaluateRanking(ranker, final, test, { masking }).metrics;
  const users = test.users.length;
  using byPopularity = popularity(final);
  const easeOf = async (masking: Masking): Promise<{ name: string; metrics: Figures }> => {
    const lambda = await chooseEaseLambda(parts, { lambdas, masking });
    using ranker = await ease(final, { lambda });
    return { name: `lambda ${lambda}`, metrics: measured(ranker, masking) };
  };
  if (task === "direct") {
    const { name, metrics } = await easeOf("seen");
    const known = { name: "popularity", metrics: measured(byPopularity, "seen"), masked: null, users };
    return [known, { name: `EASE, ${name}`, metrics, masked: null, users }];
  }
  const recentOf = async (masking: Masking): Promise<{ name: string; metrics: Figures }> => {
    const chosen = await chooseRecencyEase(parts, { lambdas, masking });
    using ranker = await ease(final, { ...chosen, recencyFloor });
    return { name: `lambda ${chosen.lambda}, recency ${chosen.recency}`, metrics: measured(ranker, masking) };
  };
  const row = async (of: typeof easeOf): Promise<RivalRun> => {
    const [plain, masked] = [await of("none"), await of("seen")];
    return {
      name: `EASE, ${plain.name} (masked: ${masked.name})`,
      metrics: plain.metrics,
      masked: masked.metrics,
      users,
    };
  };
  const plain = measured(byPopularity, "none");
  return [
    { name: "popularity", metrics: plain, masked: measured(byPopularity, "seen"), users },
    await row(easeOf),
    await row(recentOf),
  ];
}

function ratedRivals({ train, validation, test }: Split): readonly RivalRun[] {
  const choice = chooseRatingRivals(train, validation);
  const { damping, lambda } = choice;
  const row = (name: string, rater: Rater): RivalRun => {
    const { rmse, mae, users } = evaluateRatings(rater, test);
    return { name, metrics: { rmse, mae }, masked: null, users };
  };
  const { itemMean, biases, factors } = ratingRivals(train, choice);
  return [
    row("item mean", itemMean),
    row(`biases, damping ${damping.items} and ${damping.users}`, biases),
    row(`biases and 10 factors, ridge ${lambda}`, factors),
  ];
}
