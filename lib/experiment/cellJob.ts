import type { Split } from "../data/split.js";
import type { StageClock } from "../evaluation/stages.js";
import type { LanguageModel, ModelStats } from "../llm/languageModel.js";
import type { BackboneDefinition, Hyperparameters } from "../models/backbone.js";
import type { ExperimentConfig } from "./config.js";
import type { Cost } from "./summary.js";
import type { WorkFolder } from "./workFolder.js";

/** The two language models of a data set, shared by all backbones and seeds. */
export interface ExperimentModels {
  /** Tuned on prompts with what conventional models say. */
  readonly augmented: LanguageModel;
  /** Tuned without. */
  readonly plain: LanguageModel;
}

/** What the work on one backbone and seed needs. */
export interface CellJob<B extends BackboneDefinition = BackboneDefinition> {
  readonly config: ExperimentConfig;
  /** Hash of all that changes the cell. */
  readonly key: string;
  readonly backbone: B;
  readonly hyperparameters: Hyperparameters;
  readonly seed: number;
  readonly parts: Split;
  /** Ratings that the data set knows, ascending. */
  readonly scale: readonly number[];
  readonly models: ExperimentModels;
  readonly work: WorkFolder;
  readonly clock: StageClock;
  readonly threads: number;
  readonly signal?: AbortSignal;
}

/** What a stage is called in progress: "MF, seed 2: what". */
export function stageOf({ backbone, seed }: CellJob, what: string): string {
  return `${backbone.name}, seed ${seed}: ${what}`;
}

/** Times questions and trainings and counts what the models did since it was made. */
export function costMeter({ models, clock }: CellJob): () => Cost {
  const all = (): ModelStats[] => [models.augmented.stats(), models.plain.stats()];
  const before = all();
  return () => {
    const { stages } = clock.finish();
    const after = all();
    const grown = (of: (stats: ModelStats) => number): number =>
      after.reduce((sum, stats, at) => sum + of(stats) - of(before[at]), 0);
    const reasons = Object.keys(after[0].noAnswers) as (keyof ModelStats["noAnswers"])[];
    const faults = reasons.map((reason) => [reason, grown(({ noAnswers }) => noAnswers[reason])] as const);
    return {
      prompts: grown(({ calls }) => calls),
      answered: grown(({ answers }) => answers),
      cacheHits: grown(({ cacheHits }) => cacheHits),
      evaluatedTokens: grown(({ evaluatedTokens }) => evaluatedTokens),
      reusedTokens: grown(({ reusedTokens }) => reusedTokens),
      trainingSeconds: stages.train ?? 0,
      askingSeconds: stages.ask ?? 0,
      faults: Object.fromEntries(faults.filter(([, count]) => count > 0)),
    };
  };
}
