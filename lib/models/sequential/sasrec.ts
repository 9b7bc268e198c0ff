import type { TrainView } from "../../data/trainView.js";
import type { Tensor } from "../../native/autograd.js";
import type { Parameter } from "../../native/parameter.js";
import type { EncoderModel } from "../../native/sequenceEncoder.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Hyperparameters, SequentialBackbone, SequentialDefinition } from "../backbone.js";
import { checkHeads, transformerHyperparameters } from "./hyperparameters.js";
import { itemLoss } from "./itemLoss.js";
import { type Tokens, Transformer } from "./transformer.js";

/**
 * Self-attentive sequential recommendation (Kang and McAuley, ICDM 2018). Each token's state sees the items up to it and
 * is scored against the item that follows: `score = state . items[i]`. Loss: binary cross-entropy with sampled negatives
 * (their Eq. 7), or with `negatives` 0 the cross-entropy of a softmax over the whole catalogue.
 */
export class SASRec implements SequentialBackbone {
  readonly parameters: readonly Parameter[];
  readonly #network: Transformer;

  /** @param maskToken Whether sequences may hold a token `itemCount`, which stands for an item that is hidden. */
  constructor({ itemCount }: TrainView, hyperparameters: Hyperparameters, seed: number, maskToken = false) {
    this.#network = new Transformer(hyperparameters, {
      itemCount,
      length: hyperparameters.length,
      causal: true,
      activation: "relu",
      maskToken,
      seed,
    });
    this.parameters = this.#network.parameters;
  }

  loss(batch: SequenceBatch): Tensor {
    return itemLoss(this.#network, this.states(batch), batch);
  }

  encoder(): EncoderModel {
    const { maskToken: _, ...encoder } = this.#network.encoder();
    return encoder;
  }

  /** The state of every token, `[tokens x d]`; called inside a step. */
  states(tokens: Tokens): Tensor {
    return this.#network.states(tokens);
  }
}

/** Registry entry of SASRec. */
export const SASREC: SequentialDefinition = {
  name: "SASRec",
  task: "sequential",
  source: "Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018",
  hyperparameters: transformerHyperparameters,
  check: (hyperparameters) => checkHeads("SASRec", hyperparameters),
  create: (view, hyperparameters, seed) => new SASRec(view, hyperparameters, seed),
};
