import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TrainView } from "../data/trainView.js";
import type { Augmentation } from "../evaluation/tasks.js";
import type { RankingDefinition, RatingDefinition } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { loadModel, saveModel } from "../models/modelFile.js";
import type { TrainedRanker } from "../models/ranker.js";
import { loadRatingModel } from "../models/ratingModelFile.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { Llama4RecError } from "../native/errors.js";
import { type EpochReport, train } from "../training/train.js";
import { trainRating } from "../training/trainRating.js";
import { type CellJob, stageOf } from "./cellJob.js";
import { keyOf } from "./workFolder.js";

/**
 * The ranking backbone trained on the split under a seed, with the epoch chosen on validation rows by NDCG@10: as it was
 * kept, or trained now and kept.
 * @param data What the language model wrote for it.
 */
export async function trainedRanker(
  job: CellJob<RankingDefinition>,
  seed: number,
  masking: Masking,
  data: Augmentation["data"] = {},
): Promise<TrainedRanker> {
  const { parts, backbone, hyperparameters, threads, signal } = job;
  const written = [data.extraPairs, data.insertions].map((triples) => triples && [...triples]);
  return await kept(
    job,
    [seed, masking, written],
    async (path) => (await loadModel(path)).ranker,
    async () => {
      const { ranker } = await train({
        backbone,
        view: parts.train,
        hyperparameters,
        seed,
        threads,
        signal,
        ...data,
        validation: { heldOut: parts.validation, metric: "ndcg@10", masking },
        onEpoch: onEpoch(job, seed, (data.extraPairs ?? data.insertions) ? "retrain" : "train"),
      });
      return ranker;
    },
  );
}

/**
 * The rating backbone, in the same way, by RMSE.
 * @param view The training view, or that with written attributes.
 * @param written What was written, for the name of the file.
 */
export async function trainedPredictor(
  job: CellJob<RatingDefinition>,
  seed: number,
  view: TrainView = job.parts.train,
  written: Readonly<Record<string, readonly string[]>> | null = null,
): Promise<RatingPredictor> {
  const { parts, backbone, hyperparameters, threads, signal } = job;
  const load = async (path: string): Promise<RatingPredictor> => (await loadRatingModel(path)).predictor;
  // The digest of a split is of interactions alone; what rates reads attributes too.
  const { itemAttributes, userAttributes } = parts.train;
  return await kept(job, [seed, written, itemAttributes, userAttributes], load, async () => {
    const { predictor } = await trainRating({
      backbone,
      view,
      hyperparameters,
      seed,
      threads,
      signal,
      validation: { heldOut: parts.validation },
      onEpoch: onEpoch(job, seed, written === null ? "train" : "retrain"),
    });
    return predictor;
  });
}

async function kept<M extends TrainedRanker | RatingPredictor>(
  { parts, backbone, hyperparameters, work, clock }: CellJob,
  about: readonly unknown[],
  load: (path: string) => Promise<M>,
  fit: () => Promise<M>,
): Promise<M> {
  const key = keyOf("model", parts.digest, backbone.name, hyperparameters, about);
  const path = join(work.models, `${backbone.name}-${key.slice(0, 16)}.safetensors`);
  if (existsSync(path)) {
    try {
      return await load(path);
    } catch (error) {
      if (!(error instanceof Llama4RecError)) throw error; // a damaged file is made anew
    }
  }
  const model = await clock.time("train", fit);
  try {
    await saveModel(path, model);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function onEpoch(job: CellJob, seed: number, what: string): (report: EpochReport) => void {
  return ({ epoch, epochs, best }) => {
    const note = best === null ? "" : `best ${best.toFixed(4)}`;
    job.clock.report({ stage: stageOf(job, `${what} under seed ${seed}`), done: epoch, total: epochs, note });
  };
}
