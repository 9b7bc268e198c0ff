import type { TrainView } from "../../data/trainView.js";
import { add, normalizeRows, scale, slice, softmaxLoss, type Tensor, take } from "../../native/autograd.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Hyperparameters, SequentialDefinition } from "../backbone.js";
import { checkHeads, transformerDefaults } from "./hyperparameters.js";
import { SASRec } from "./sasrec.js";
import { type ViewOptions, viewsOf } from "./sequenceViews.js";
import { stepDraws } from "./stepDraws.js";

/**
 * SASRec with contrastive learning (Xie et al., CL4SRec, ICDE 2022): its loss plus `contrastWeight` times an InfoNCE loss
 * (their Eq. 3) that draws the last states of two views of a sequence together and those of other sequences apart.
 */
export class CL4SRec extends SASRec {
  readonly #contrastWeight: number;
  readonly #temperature: number;
  readonly #cosines: boolean;
  readonly #views: ViewOptions;

  constructor(view: TrainView, hyperparameters: Hyperparameters, seed: number) {
    super(view, hyperparameters, seed, true);
    const { contrastWeight, temperature, cosines, crop, mask, reorder, length } = hyperparameters;
    this.#contrastWeight = contrastWeight;
    this.#temperature = temperature;
    this.#cosines = cosines > 0;
    this.#views = { crop, mask, reorder, maskToken: view.itemCount, last: length - 1 };
  }

  override loss(batch: SequenceBatch): Tensor {
    const loss = super.loss(batch);
    return this.#contrastWeight === 0 ? loss : add(loss, scale(this.#contrast(batch), this.#contrastWeight));
  }

  /** Each view looks for the other of its sequence among those of the whole batch: mean over both directions. */
  #contrast(batch: SequenceBatch): Tensor {
    const views = viewsOf(batch, this.#views, stepDraws());
    const sequences = batch.offsets.length - 1;
    const last = take(
      this.states(views),
      views.offsets.subarray(1).map((end) => end - 1),
    );
    const states = this.#cosines ? normalizeRows(last) : last;
    const first = slice(states, 0, sequences);
    const second = slice(states, sequences, sequences);
    const own = Int32Array.from({ length: sequences }, (_, s) => s);
    const infoNce = (from: Tensor, to: Tensor): Tensor =>
      softmaxLoss(scale(from, 1 / this.#temperature), to, own);
    return scale(add(infoNce(first, second), infoNce(second, first)), 0.5);
  }
}

/** Registry entry of CL4SRec. */
export const CL4SREC: SequentialDefinition = {
  name: "CL4SRec",
  task: "sequential",
  source: "Xie et al., Contrastive Learning for Sequential Recommendation, ICDE 2022",
  hyperparameters: {
    ...transformerDefaults({}),
    contrastWeight: {
      default: 0.1,
      low: 0,
      high: 100,
      about: "weight of the contrastive loss",
      search: { low: 0.01, high: 0.5, scale: "log" },
    },
    temperature: {
      default: 1,
      low: 1e-3,
      high: 1e3,
      about: "that likenesses of views are divided by",
      search: { low: 0.1, high: 2, scale: "log" },
    },
    cosines: {
      default: 1,
      low: 0,
      high: 1,
      integer: true,
      about: "likeness of views is 1: the cosine of their states, 0: their product",
    },
    crop: {
      default: 0.5,
      low: 0,
      high: 1,
      about: "share of a sequence that a cropped view keeps; 0: none is",
      search: { low: 0.3, high: 0.9 },
    },
    mask: { default: 0, low: 0, high: 1, about: "share of the items that a masked view hides; 0: none is" },
    reorder: { default: 0, low: 0, high: 1, about: "share that a reordered view shuffles; 0: none is" },
  },
  check: (hyperparameters) => checkHeads("CL4SRec", hyperparameters),
  create: (view, hyperparameters, seed) => new CL4SRec(view, hyperparameters, seed),
};
