import { argumentError } from "../../native/errors.js";
import type { Parameter } from "../../native/parameter.js";
import type { LoraLayers } from "../pocket/lora.js";
import type { LlamaNetwork } from "../pocket/network.js";
import type { TuningHost, TuningProgress } from "./loop.js";
import type { TuningStage } from "./mix.js";
import type { TuneJob } from "./options.js";
import type { ValidationSet } from "./validation.js";

/** What the validation rows have said in a stage; all of it belongs to a checkpoint. */
export interface ValidationState {
  /** Tokens of the stage at the last look. */
  lookedAt: number;
  /** The latest loss; null before the first look. */
  latest: number | null;
  /** The best of the stage; null before its first look. */
  best: number | null;
  /** Looks since the best. */
  sinceBest: number;
}

/**
 * Early stopping: looks at the validation rows now and then, keeps the best weights of the stage, and ends the stage when
 * they have not been bettered for long. The next stage goes on from what the weights then are; the last leaves its best.
 */
export class BestWeights {
  readonly #job: TuneJob;
  readonly #parameters: readonly Parameter[];
  readonly #open: () => ValidationSet | null;
  #set: ValidationSet | null | undefined;
  state: ValidationState = { lookedAt: 0, latest: null, best: null, sinceBest: 0 };
  /** Weights of the best look of this stage, parallel to the parameters; null before the first. */
  values: Float32Array[] | null = null;

  /** @param open Makes the validation questions when they are needed first; null where there are none. */
  constructor(job: TuneJob, parameters: readonly Parameter[], open: () => ValidationSet | null) {
    this.#job = job;
    this.#parameters = parameters;
    this.#open = open;
  }

  /** The latest loss on the validation rows. */
  get latest(): number | null {
    return this.state.latest;
  }

  /**
   * Looks if it is time; a stage that does not better itself is ended by setting its tokens to the full.
   * @throws Llama4RecError `E_ARGUMENT` when the validation rows leave nothing to ask, and whatever the host throws.
   */
  async look(
    progress: TuningProgress,
    stages: readonly TuningStage[],
    network: LlamaNetwork,
    lora: LoraLayers | null,
    host: Pick<TuningHost, "checkAborted" | "work" | "turn">,
  ): Promise<void> {
    this.#set ??= this.#open();
    const set = this.#set;
    if (set === null) return;
    const { state } = this;
    const stage = stages[progress.stage];
    const ends = progress.stageTokens >= stage.tokens;
    if (!ends && progress.stageTokens - state.lookedAt < this.#job.evaluateEvery) return;
    let [sum, weight] = [0, 0];
    const losses = set.losses(network, lora);
    for (;;) {
      const next = host.work(() => losses.next());
      if (next.done) break;
      sum += next.value[0] * next.value[1];
      weight += next.value[1];
      host.checkAborted();
      await host.turn();
    }
    if (weight === 0) throw argumentError("validation", "rows to ask about", "none");
    const loss = sum / weight;
    state.lookedAt = progress.stageTokens;
    state.latest = loss;
    state.sinceBest++;
    if (state.best === null || loss < state.best) {
      state.best = loss;
      state.sinceBest = 0;
      this.values = this.#parameters.map((parameter) => parameter.read());
    }
    if (ends || state.sinceBest >= this.#job.patience) this.#endStage(progress, stage, stages.length);
  }

  /** Brings the best weights back, if there are any. */
  restore(): void {
    if (this.values === null) return;
    for (const [index, parameter] of this.#parameters.entries()) parameter.write(this.values[index]);
  }

  #endStage(progress: TuningProgress, stage: TuningStage, stages: number): void {
    progress.stageTokens = Math.max(progress.stageTokens, stage.tokens);
    if (progress.stage === stages - 1) return;
    this.restore();
    this.state = { ...this.state, lookedAt: 0, best: null, sinceBest: 0 };
    this.values = null;
  }
}
