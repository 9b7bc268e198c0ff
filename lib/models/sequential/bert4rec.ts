import type { TrainView } from "../../data/trainView.js";
import { type Tensor, take } from "../../native/autograd.js";
import type { Parameter } from "../../native/parameter.js";
import type { EncoderModel } from "../../native/sequenceEncoder.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Hyperparameters, SequentialBackbone, SequentialDefinition } from "../backbone.js";
import { type ClozeOptions, clozeOf } from "./cloze.js";
import { checkHeads, transformerDefaults } from "./hyperparameters.js";
import { itemLoss } from "./itemLoss.js";
import { stepDraws } from "./stepDraws.js";
import { type Tokens, Transformer } from "./transformer.js";

/**
 * Bidirectional encoder with the Cloze task (Sun et al., BERT4Rec, CIKM 2019). Hidden items are told from what stands on both
 * sides of them; a history is served with a mask token behind it, whose state is scored as in SASRec. Loss: cross-entropy
 * of a softmax over the catalogue at hidden places (their Eq. 8), or with `negatives` a binary one. As in SASRec norms
 * come before the layers, and states are scored without the projection of their Eq. 7.
 */
export class BERT4Rec implements SequentialBackbone {
  readonly parameters: readonly Parameter[];
  readonly #network: Transformer;
  readonly #cloze: ClozeOptions;

  constructor({ itemCount }: TrainView, hyperparameters: Hyperparameters, seed: number) {
    const { length, maskRate, lastRate } = hyperparameters;
    this.#cloze = { maskRate, lastRate, maskToken: itemCount, last: length };
    this.#network = new Transformer(hyperparameters, {
      itemCount,
      length: length + 1, // items and what follows
      causal: false,
      activation: "gelu",
      maskToken: true,
      seed,
    });
    this.parameters = this.#network.parameters;
  }

  loss(batch: SequenceBatch): Tensor {
    const cloze = clozeOf(batch, this.#cloze, stepDraws());
    return itemLoss(this.#network, take(this.states(cloze), cloze.places), cloze);
  }

  encoder(): EncoderModel {
    return this.#network.encoder();
  }

  /** The state of every token, `[tokens x d]`; called inside a step. */
  states(tokens: Tokens): Tensor {
    return this.#network.states(tokens);
  }
}

/** Registry entry of BERT4Rec. */
export const BERT4REC: SequentialDefinition = {
  name: "BERT4Rec",
  task: "sequential",
  source:
    "Sun et al., BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer, CIKM 2019",
  hyperparameters: {
    ...transformerDefaults({ dropout: 0.2, learningRate: 2e-3, epochs: 400 }),
    maskRate: {
      default: 0.3,
      low: 0,
      high: 1,
      about: "share of the items of a sequence that are hidden",
      search: { low: 0.15, high: 0.6 },
    },
    lastRate: {
      default: 0.2,
      low: 0,
      high: 1,
      about: "share of the sequences in which the last item alone is hidden",
      search: { low: 0, high: 0.5 },
    },
  },
  check: (hyperparameters) => checkHeads("BERT4Rec", hyperparameters),
  create: (view, hyperparameters, seed) => new BERT4Rec(view, hyperparameters, seed),
};
