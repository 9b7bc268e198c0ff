import { digestOf } from "../../data/digest.js";
import type { TrainView } from "../../data/trainView.js";
import { cpuInfo } from "../../native/addon.js";
import { packageVersion } from "../../native/packageVersion.js";
import type { Parameter } from "../../native/parameter.js";
import { corrupt } from "../../storage/header.js";
import { isObject } from "../../storage/json.js";
import { CheckpointFile, type Stored } from "../../training/checkpoint.js";
import type { Identity } from "../../training/identity.js";
import { areUpdates, isCount, isNumberOrNull } from "../../training/progress.js";
import type { BestWeights, ValidationState } from "./bestWeights.js";
import { hintsDigest } from "./hints.js";
import type { TuningProgress } from "./loop.js";
import type { TuneJob } from "./options.js";

/** All that a tuning goes on from, beside the parameters and what Adam keeps for them. */
interface TuneProgress extends TuningProgress {
  readonly validation: ValidationState;
  /** The best weights of the stage. */
  readonly good: { readonly values: readonly Float32Array[] } | null;
}

/** The file that a tuning is kept in. */
export class TuningFile {
  readonly #file: CheckpointFile<TuneProgress>;
  readonly #resume: boolean;

  /**
   * @param base SHA-256 of the base's file; null without one.
   * @throws Llama4RecError `E_ARGUMENT` without a checkpoint in the job.
   */
  constructor(job: TuneJob, view: TrainView, base: string | null, parameters: readonly Parameter[]) {
    const { path = "", resume = true } = job.checkpoint ?? {};
    this.#file = new CheckpointFile(path, identityOf(job, view, base), parameters, (at, value, count) =>
      checked(at, value, count, job.stages.length),
    );
    this.#resume = resume;
  }

  /** As {@link CheckpointFile.write}. */
  async write(progress: TuningProgress, best: BestWeights, commit: () => void): Promise<void> {
    const good = best.values === null ? null : { values: best.values };
    await this.#file.write({ ...progress, validation: best.state, good }, commit);
  }

  /** As {@link CheckpointFile.read}; what the validation rows have said goes to `best`. */
  async read(best: BestWeights): Promise<TuningProgress | null> {
    const found = this.#resume ? await this.#file.read() : null;
    if (found === null) return null;
    const { validation, good, ...progress } = found;
    best.state = validation;
    best.values = good === null ? null : [...good.values];
    return progress;
  }
}

/** All that decides the bits of a tuning. */
function identityOf(job: TuneJob, view: TrainView, base: string | null): Identity {
  const { seed, shape, lora, stages, mix, hints, settings, validation, evaluateEvery, patience } = job;
  return {
    "package version": packageVersion(),
    seed,
    "training view": view.digest,
    titles: digestOf(view.titles),
    base: base ?? "none",
    shape: JSON.stringify(shape),
    lora: JSON.stringify(lora),
    stages: JSON.stringify(stages),
    mix: JSON.stringify(mix),
    settings: JSON.stringify(settings),
    hints: hints === null ? "none" : hintsDigest(hints),
    validation:
      validation === null
        ? "none"
        : `${digestOf([validation.users, validation.items])} every ${evaluateEvery}, patience ${patience}`,
    "instruction-set level": cpuInfo().level,
  };
}

function checked(path: string, value: unknown, parameters: number, stages: number): Stored<TuneProgress> {
  const check = (holds: boolean, name: string): void => {
    if (!holds) throw corrupt(path, `its progress has no valid ${name}`);
  };
  check(isObject(value), "entries");
  const entries = value as Readonly<Record<keyof Stored<TuneProgress>, unknown>>;
  const { stage, row, stageTokens, tokens, steps, loss, validation, good, updates } = entries;
  check(isCount(stage) && stage <= stages, "stage");
  for (const [name, count] of Object.entries({ row, stageTokens, tokens, steps }))
    check(isCount(count), name);
  check(isNumberOrNull(loss), "loss");
  check(isObject(validation), "validation");
  const { lookedAt, latest, best, sinceBest } = validation as Readonly<
    Record<keyof ValidationState, unknown>
  >;
  check(isCount(lookedAt) && isCount(sinceBest), "validation");
  check(isNumberOrNull(latest) && isNumberOrNull(best), "validation");
  check(good === null || isObject(good), "good");
  check(areUpdates(updates, parameters, Number(steps)), "updates");
  return value as Stored<TuneProgress>;
}
