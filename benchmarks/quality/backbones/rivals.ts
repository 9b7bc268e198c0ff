import type { Split } from "../../../lib/data/split.js";
import { chooseRatingRivals, ratingRivals } from "../../../lib/evaluation/ratingRivals.js";
import { chooseEaseLambda, chooseRecencyEase, recencyFloor } from "../../../lib/evaluation/rivals.js";
import type { Task } from "../../../lib/models/backbone.js";
import { evaluateRanking } from "../../../lib/models/fullRanking.js";
import type { Ranker } from "../../../lib/models/ranker.js";
import { evaluateRatings, type Rater } from "../../../lib/models/ratings.js";
import { ease } from "../../../lib/models/reference/ease.js";
import { popularity } from "../../../lib/models/reference/popularity.js";
import type { Metrics } from "./paper.js";

/** What a ranker without training reached on the test rows. */
export interface RivalRun {
  /** With what was chosen on validation in it. */
  readonly name: string;
  readonly metrics: Metrics;
  /** Of the sequential task with known items masked; else null. */
  readonly masked: Metrics | null;
  readonly users: number;
}

/** Makes the rivals of a task for a split, with hyper-parameters that were chosen once. */
export type Rivals = (parts: Split) => Promise<readonly RivalRun[]>;

/** Popularity and EASE, or the bias models; what they need is chosen on the validation rows of this split. */
export async function chooseRivals(parts: Split, task: Task): Promise<Rivals> {
  if (task === "rating") return ratedRivals(parts);
  // Big catalogues: an inverse takes a minute.
  const lambdas = parts.train.itemCount > 5000 ? [100, 300, 1000] : undefined;
  const lambda = await chooseEaseLambda(parts, { lambdas, masking: "seen" });
  const recent = task === "sequential" ? await chooseRecencyEase(parts, { lambdas, masking: "seen" }) : null;
  return async (at) => {
    const { final, test } = at;
    const measure = (name: string, ranker: Ranker): RivalRun => {
      const metrics = (masking: "seen" | "none"): Metrics =>
        evaluateRanking(ranker, final, test, { masking }).metrics;
      const users = test.users.length;
      return task === "direct"
        ? { name, metrics: metrics("seen"), masked: null, users }
        : { name, metrics: metrics("none"), masked: metrics("seen"), users };
    };
    using byPopularity = popularity(final);
    using byEase = await ease(final, { lambda });
    const found = [measure("popularity", byPopularity), measure(`EASE, lambda ${lambda}`, byEase)];
    if (recent !== null) {
      using byRecency = await ease(final, { ...recent, recencyFloor });
      found.push(measure(`EASE, lambda ${recent.lambda}, recency ${recent.recency}`, byRecency));
    }
    return found;
  };
}

function ratedRivals({ train, validation }: Split): Rivals {
  const choice = chooseRatingRivals(train, validation);
  const { damping, lambda } = choice;
  return async ({ train: view, test }) => {
    const row = (name: string, rater: Rater): RivalRun => {
      const { rmse, mae, users } = evaluateRatings(rater, test);
      return { name, metrics: { rmse, mae }, masked: null, users };
    };
    const { itemMean, biases, factors } = ratingRivals(view, choice);
    return [
      row("item mean", itemMean),
      row(`biases, damping ${damping.items} and ${damping.users}`, biases),
      row(`biases and 10 factors, ridge ${lambda}`, factors),
    ];
  };
}
