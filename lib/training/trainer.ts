import { setImmediate as nextTurn } from "node:timers/promises";
import type { TrainView } from "../data/trainView.js";
import { type BackboneDefinition, type Hyperparameters, resolveHyperparameters } from "../models/backbone.js";
import { factorRanker } from "../models/factorRanker.js";
import type { FactorRanker } from "../models/ranker.js";
import { backward, item, step } from "../native/autograd.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { Adam } from "../native/optimizer.js";
import { PairSampler } from "../native/pairSampler.js";

/** One finished epoch. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Most epochs this run may take. */
  readonly epochs: number;
  /** Mean training loss of the epoch. */
  readonly loss: number;
  /** Validation score, where this epoch was validated. */
  readonly validation: number | null;
  /** Best validation score so far, null before the first. */
  readonly best: number | null;
}

/** Options of {@link train}. */
export interface TrainOptions {
  readonly backbone: BackboneDefinition;
  /** All that the model may learn from. */
  readonly view: TrainView;
  /** Values over the backbone's defaults. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** Non-negative integer below 2^53: initial values, sampling and order follow from it. */
  readonly seed: number;
  /** Triples (user, preferred item, other item) from data augmentation, flat. */
  readonly extraPairs?: Int32Array;
  /** Higher is better. Given: early stopping with the best state restored. Absent: all epochs are run. */
  readonly validate?: (candidate: FactorRanker) => number;
  /** Epochs between validations, default 5. */
  readonly evaluateEvery?: number;
  /** Validations without a new best before training stops, default 8. */
  readonly patience?: number;
  readonly onEpoch?: (report: EpochReport) => void;
  /** Stops within one step; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What {@link train} gives. */
export interface TrainResult {
  /** The frozen model of the best validated epoch, or of the last one without validation. */
  readonly ranker: FactorRanker;
  /** Epoch of that state, from 1. */
  readonly epoch: number;
  /** Its validation score, null without validation. */
  readonly validation: number | null;
  readonly history: readonly EpochReport[];
  readonly hyperparameters: Hyperparameters;
}

/** Longest stretch of work between two turns of the event loop, in milliseconds. */
const turnMilliseconds = 8;

/**
 * Trains a backbone from scratch with Adam. Same seed and instruction-set level: same bits at any thread count.
 * Works in short stretches, so that progress is drawn and an abort is seen; one call of `validate` is one stretch.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options, `E_DIVERGED` when the loss is no longer finite.
 * @example
 * ```ts
 * const { ranker } = await train({ backbone: findBackbone("MF", "direct"), view: parts.train, seed: 1 });
 * ```
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { backbone, view, seed, validate, signal, evaluateEvery = 5, patience = 8 } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) throw argumentError("seed", "an integer in 0..2^53-1", seed);
  if (!Number.isInteger(evaluateEvery) || evaluateEvery < 1)
    throw argumentError("evaluateEvery", "an integer of at least 1", evaluateEvery);
  if (!Number.isInteger(patience) || patience < 1)
    throw argumentError("patience", "an integer of at least 1", patience);
  const hyperparameters = resolveHyperparameters(backbone, options.hyperparameters);
  const { epochs, batchSize, learningRate } = hyperparameters;

  signal?.throwIfAborted();
  const model = backbone.create(view, hyperparameters, seed);
  const freeze = (): FactorRanker => factorRanker(backbone.name, model.factors());

  const history: EpochReport[] = [];
  let best: { epoch: number; validation: number; state: Float32Array[] } | null = null;
  let sinceBest = 0;
  let turnStart = performance.now();
  try {
    using optimizer = new Adam(model.parameters, { learningRate });
    using sampler = new PairSampler({
      userCount: view.userCount,
      itemCount: view.itemCount,
      ...view.sortedItems(),
      extra: options.extraPairs,
      seed,
    });
    for (let epoch = 1; epoch <= epochs; epoch++) {
      let total = 0;
      let examples = 0;
      for (const batch of sampler.epoch(epoch, batchSize)) {
        const loss = step(() => {
          const value = model.loss(batch);
          backward(value);
          optimizer.apply();
          return item(value);
        });
        if (!Number.isFinite(loss))
          throw new Llama4RecError("E_DIVERGED", `${backbone.name}: the loss is ${loss} in epoch ${epoch}`);
        total += loss * batch.users.length;
        examples += batch.users.length;
        if (performance.now() - turnStart > turnMilliseconds) {
          await nextTurn();
          turnStart = performance.now();
        }
        signal?.throwIfAborted();
      }
      const due = validate !== undefined && (epoch % evaluateEvery === 0 || epoch === epochs);
      let validation: number | null = null;
      if (due) {
        using candidate = freeze();
        validation = validate(candidate);
        sinceBest++;
        if (best === null || validation > best.validation) {
          best = { epoch, validation, state: model.parameters.map((parameter) => parameter.read()) };
          sinceBest = 0;
        }
      }
      const report: EpochReport = {
        epoch,
        epochs,
        loss: examples > 0 ? total / examples : 0,
        validation,
        best: best?.validation ?? null,
      };
      history.push(report);
      options.onEpoch?.(report);
      if (sinceBest >= patience) break;
    }
    if (best !== null) {
      const { state } = best;
      for (const [index, parameter] of model.parameters.entries()) parameter.write(state[index]);
    }
    return {
      ranker: freeze(),
      epoch: best?.epoch ?? epochs,
      validation: best?.validation ?? null,
      history,
      hyperparameters,
    };
  } finally {
    for (const parameter of model.parameters) parameter.dispose();
  }
}
