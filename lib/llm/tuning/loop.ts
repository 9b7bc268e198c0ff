import { Random } from "../../data/random.js";
import { backward, dense, frozen, item, softmaxLoss, step } from "../../native/autograd.js";
import { Llama4RecError } from "../../native/errors.js";
import { Adam } from "../../native/optimizer.js";
import type { LoraLayers } from "../pocket/lora.js";
import type { LlamaNetwork } from "../pocket/network.js";
import type { InstructionSource } from "./instructions.js";
import type { TuningStage } from "./mix.js";
import { batchRows, type PackedBatch, type PackedRow, type Packer } from "./packing.js";
import { learningRateShare } from "./schedule.js";
import { STREAMS } from "./streams.js";

/** Numbers of the optimiser and the network's regularisation. */
export interface TuningSettings {
  /** Tokens of a step, about. */
  readonly batchTokens: number;
  readonly dropout: number;
  /** Decoupled weight decay. */
  readonly weightDecay: number;
  /** Largest global norm of a step's gradients. */
  readonly maxNorm: number;
}

/** What is trained, on what. */
export interface TuningRun {
  readonly network: LlamaNetwork;
  /** Trained in place of the network, which is then frozen. */
  readonly lora: LoraLayers | null;
  readonly source: InstructionSource;
  readonly packer: Packer;
  readonly stages: readonly TuningStage[];
  readonly settings: TuningSettings;
  readonly seed: number;
}

/** Where a tuning stands. */
export interface TuningProgress {
  /** Stage at work, from 0. */
  stage: number;
  /** Rows read so far, over all stages. */
  row: number;
  /** Tokens of the stage so far. */
  stageTokens: number;
  /** Tokens of all stages so far. */
  tokens: number;
  /** Steps so far. */
  steps: number;
  /** Mean loss of late steps: each counts a twentieth; null before the first. */
  loss: number | null;
}

/** What the loop asks of the thread it runs on. */
export interface TuningHost {
  readonly onStep: (progress: TuningProgress) => void | Promise<void>;
  /** Throws when the tuning was aborted. */
  checkAborted(): void;
  /** Runs native work with the threads of this tuning. */
  work<T>(body: () => T): T;
  /** Gives the event loop its turn. */
  turn(): Promise<void>;
}

/** The beginning of a tuning. */
export const tuningStart = (): TuningProgress => ({
  stage: 0,
  row: 0,
  stageTokens: 0,
  tokens: 0,
  steps: 0,
  loss: null,
});

/** Longest stretch of work between two turns of the event loop, in milliseconds; a step is never cut. */
const stretch = 8;

/**
 * Trains until the stages are done. The same run and instruction-set level give the same bits at any number of threads,
 * from the start or from where `progress` and the parameters stand.
 * @throws Llama4RecError `E_DIVERGED` when numbers are no longer finite, and whatever the host throws.
 */
export async function runTuning(
  run: TuningRun,
  host: TuningHost,
  progress: TuningProgress,
  optimizer: Adam,
): Promise<void> {
  let turned = performance.now();
  for (; progress.stage < run.stages.length; progress.stage++, progress.stageTokens = 0) {
    const stage = run.stages[progress.stage];
    while (progress.stageTokens < stage.tokens) {
      host.checkAborted();
      const batch = nextBatch(run, stage, progress);
      optimizer.learningRate = stage.learningRate * learningRateShare(progress.stageTokens / stage.tokens);
      const loss = host.work(() => trainStep(run, batch, progress.steps, optimizer));
      progress.steps++;
      progress.stageTokens += batch.tokens.length;
      progress.tokens += batch.tokens.length;
      progress.loss = progress.loss === null ? loss : 0.95 * progress.loss + 0.05 * loss;
      await host.onStep(progress);
      if (performance.now() - turned >= stretch) {
        await host.turn();
        turned = performance.now();
      }
    }
  }
  host.checkAborted();
}

/** The optimiser of a run: AdamW over what is trained. */
export function optimizerOf({ network, lora, settings }: TuningRun): Adam {
  const { weightDecay, maxNorm } = settings;
  return new Adam((lora ?? network).parameters, { beta2: 0.99, weightDecay, maxNorm });
}

function nextBatch(run: TuningRun, stage: TuningStage, progress: TuningProgress): PackedBatch {
  const { source, packer, network, settings, seed } = run;
  const rows: PackedRow[] = [];
  for (let tokens = 0; tokens < settings.batchTokens; progress.row++) {
    const random = new Random(seed, STREAMS.packing + progress.row);
    const row = packer.pack(source.row(progress.row, stage), stage, network.shape.context, random);
    rows.push(row);
    tokens += row.tails.reduce((sum, tail) => sum + tail.length, row.prefix.length);
  }
  return batchRows(rows);
}

function trainStep(run: TuningRun, batch: PackedBatch, number: number, optimizer: Adam): number {
  const { network, lora, settings, seed } = run;
  return step(
    () => {
      const options = { dropout: settings.dropout, lora: lora ?? undefined, rows: batch.sources };
      const head = lora === null ? dense(network.head) : frozen(network.head);
      const loss = softmaxLoss(network.states(batch, options), head, batch.targets, batch.weights);
      const value = item(loss);
      if (!Number.isFinite(value))
        throw new Llama4RecError("E_DIVERGED", `the loss is ${value} in step ${number}`);
      backward(loss);
      optimizer.apply();
      return value;
    },
    { seed, step: number },
  );
}
