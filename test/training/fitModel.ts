/** What the tests of training share: a small view and a short training. */
import { HeldOut } from "../../lib/data/heldOut.js";
import { MF } from "../../lib/models/direct/mf.js";
import { type TrainOptions, type TrainResult, train } from "../../lib/training/train.js";
import { randomView } from "../models/planted.js";

export const view = randomView(40, 30, 4);
export const hyperparameters = { dimension: 8, epochs: 12, batchSize: 32, learningRate: 0.02 };

/** One unseen item of each user. */
export const heldOut = new HeldOut(
  "validation",
  Int32Array.from({ length: view.userCount }, (_, user) => user),
  Int32Array.from({ length: view.userCount }, (_, user) => {
    let item = 0;
    while (view.has(user, item)) item++;
    return item;
  }),
);

/** Trains MF on this thread unless told otherwise. */
export function fitModel(options: Partial<TrainOptions> = {}): Promise<TrainResult> {
  return train({
    backbone: MF,
    view,
    worker: false,
    seed: 1,
    ...options,
    hyperparameters: { ...hyperparameters, ...options.hyperparameters },
  });
}

/** All numbers of a trained model. */
export const bits = ({ ranker }: TrainResult): Float32Array =>
  Float32Array.of(...ranker.userVectors, ...ranker.itemVectors);

/** A module of this folder, as the option `backbone` takes it. */
export const exported = (name: string): { module: URL; export: string } => ({
  module: new URL("./backbones.js", import.meta.url),
  export: name,
});
