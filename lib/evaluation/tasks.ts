import { augmentPairs, type PairSource } from "../augmentation/pairAugmentation.js";
import type { Recorded } from "../augmentation/records.js";
import { augmentSequences } from "../augmentation/sequenceAugmentation.js";
import type { Protocol } from "../data/split.js";
import type { TrainView } from "../data/trainView.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { DIRECT_TEMPLATE } from "../llm/prompts/direct.js";
import { SEQUENTIAL_TEMPLATE } from "../llm/prompts/sequential.js";
import type { PromptTemplate } from "../llm/prompts/template.js";
import type { Task } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import type { TrainedRanker } from "../models/ranker.js";
import { Llama4RecError } from "../native/errors.js";
import type { TrainOptions } from "../training/train.js";

/** What the language model wrote for the conventional one. */
export interface Augmentation {
  /** What the trainer takes. */
  readonly data: Pick<TrainOptions, "extraPairs" | "insertions">;
  /** Questions asked. */
  readonly asked: number;
  /** Of these, answered. */
  readonly answered: number;
  /** Of the answers, those that became training data. */
  readonly used: number;
  /** For a file of it: where it comes from, and every question. */
  readonly recorded: Recorded<"pairs"> | Recorded<"insertions">;
}

/** Options of {@link TaskMethod.augment}. */
export interface AugmentationOptions {
  readonly seed: number;
  /** Direct recommendation: where pairs come from, and how many a user. */
  readonly source?: PairSource;
  readonly pairs?: number;
  /** Sequential recommendation: unseen items to choose from, and questions a user. */
  readonly candidates?: number;
  readonly insertions?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The parts of the method that differ between tasks. */
export interface TaskMethod {
  /** Training items that the user of a held-out row must have. */
  readonly leastHistory: number;
  /** What the language model writes: "pairs", "insertions". */
  readonly writes: string;
  /** Words of the prompts. */
  readonly template: PromptTemplate;
  /** Whether a protocol leaves the user's known items out of the ranking. */
  masking(protocol: Protocol): Masking;
  /** Data augmentation: the language model writes training data. */
  augment(
    model: LanguageModel,
    ranker: TrainedRanker,
    view: TrainView,
    options: AugmentationOptions,
  ): Promise<Augmentation>;
}

const direct: TaskMethod = {
  leastHistory: 1,
  writes: "pairs",
  template: DIRECT_TEMPLATE,
  masking: () => "seen",
  async augment(model, ranker, view, { source, pairs, seed, onProgress, signal }) {
    const written = await augmentPairs(model, ranker, view, { source, pairs, seed, onProgress, signal });
    const { triples, asked, answered, consistent: used, provenance, records } = written;
    return { data: { extraPairs: triples }, asked, answered, used, recorded: { provenance, records } };
  },
};

const sequential: TaskMethod = {
  leastHistory: 2,
  writes: "insertions",
  template: SEQUENTIAL_TEMPLATE,
  masking: (protocol) => (protocol === "paper" ? "none" : "seen"),
  async augment(model, _, view, { candidates, insertions: count, seed, onProgress, signal }) {
    const options = { candidates, insertions: count, seed, onProgress, signal };
    const { insertions, asked, answered, provenance, records } = await augmentSequences(model, view, options);
    return { data: { insertions }, asked, answered, used: answered, recorded: { provenance, records } };
  },
};

/**
 * What of an augmentation still holds for a view that knows more than the one it was written for: neither a preference
 * against an item that the user has there, nor an insertion of one.
 */
export function stillTrue(
  { extraPairs, insertions }: Augmentation["data"],
  view: TrainView,
): Augmentation["data"] {
  return {
    extraPairs: extraPairs && unseen(extraPairs, view),
    insertions: insertions && unseen(insertions, view),
  };
}

/** The triples, flat, whose user does not have the item that stands last in them. */
function unseen(triples: Int32Array, view: TrainView): Int32Array {
  const kept: number[] = [];
  for (let at = 0; at < triples.length; at += 3)
    if (!view.has(triples[at], triples[at + 2])) kept.push(...triples.subarray(at, at + 3));
  return Int32Array.from(kept);
}

/**
 * How the method does a task.
 * @throws Llama4RecError `E_TASK` for one it does not do.
 */
export function methodOf(task: Task): TaskMethod {
  if (task === "direct") return direct;
  if (task === "sequential") return sequential;
  throw new Llama4RecError("E_TASK", `task: expected direct or sequential, got ${task}`);
}
