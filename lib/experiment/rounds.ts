import { join } from "node:path";
import { type AugmentationArtefact, writeAugmentation } from "../augmentation/artefact.js";
import { type Augmentation, methodOf } from "../evaluation/tasks.js";
import type { RankingDefinition } from "../models/backbone.js";
import { evaluateRanking, type Masking } from "../models/fullRanking.js";
import type { TrainedRanker } from "../models/ranker.js";
import type { RankingCell } from "./cell.js";
import { type CellJob, stageOf } from "./cellJob.js";
import { trainedRanker } from "./trained.js";

/** A backbone that was trained on what the language model wrote for it. */
export interface Retrained {
  readonly ranker: TrainedRanker;
  /** Of all rounds that it was trained on. */
  readonly augmentation: NonNullable<RankingCell["augmentation"]>;
}

/** What one round brought. */
interface Round extends Retrained {
  readonly data: Augmentation["data"];
  /** NDCG@10 on validation rows. */
  readonly score: number;
}

/**
 * Data augmentation and retraining, once as in the paper or in up to `rounds` rounds, which it names as future work: the language
 * model writes for the backbone of the round before, and what it wrote joins what is there. A round that is no better on
 * validation rows is dropped and ends it: a model that writes nonsense then leaves the base as it was. Without the guard the
 * first round stays whatever it brought, as in the paper.
 */
export async function retrainedRanker(
  job: CellJob<RankingDefinition>,
  base: TrainedRanker,
  masking: Masking,
): Promise<Retrained> {
  const { rounds, guard } = job.config.augmentation;
  const nothing = { asked: 0, answered: 0, used: 0 };
  let found: Round = { ranker: base, augmentation: nothing, data: {}, score: scoreOf(job, base, masking) };
  for (let number = 1; number <= rounds; number++) {
    const next = await roundAfter(job, found, number, masking);
    const stays = next.score > found.score || (number === 1 && !guard);
    const dropped = stays ? found : next;
    if (dropped.ranker !== base) dropped.ranker.dispose();
    const { asked, answered } = next.augmentation;
    found = stays ? next : { ...found, augmentation: { ...found.augmentation, asked, answered } };
    if (!stays) break;
  }
  return found;
}

/** NDCG@10 on validation rows. */
function scoreOf({ parts }: CellJob, ranker: TrainedRanker, masking: Masking): number {
  return evaluateRanking(ranker, parts.train, parts.validation, { masking }).metrics["ndcg@10"];
}

async function roundAfter(
  job: CellJob<RankingDefinition>,
  before: Round,
  number: number,
  masking: Masking,
): Promise<Round> {
  const written = await augmentationBy(job, before.ranker, number);
  const data = joined(before.data, written.data);
  const ranker = await trainedRanker(job, job.seed, masking, data);
  const sum = (of: "asked" | "answered" | "used"): number => before.augmentation[of] + written[of];
  const augmentation = { asked: sum("asked"), answered: sum("answered"), used: sum("used") };
  try {
    return { ranker, augmentation, data, score: scoreOf(job, ranker, masking) };
  } catch (error) {
    ranker.dispose();
    throw error;
  }
}

/** What the language model writes in a round; kept as a file too. */
async function augmentationBy(
  job: CellJob<RankingDefinition>,
  ranker: TrainedRanker,
  number: number,
): Promise<Augmentation> {
  const { backbone, config, models, parts, seed, signal, clock, work } = job;
  const method = methodOf(backbone.task);
  const written = await clock.time("ask", () =>
    method.augment(models.augmented, ranker, parts.train, {
      ...config.augmentation,
      seed: seed + 1000 * (number - 1), // other draws in every round
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: stageOf(job, `language model writes ${method.writes}`), done, total }),
    }),
  );
  const { provenance, records } = written.recorded;
  const round = number === 1 ? "" : `-round${number}`;
  const file = join(work.augmentations, `${backbone.name}-seed${seed}${round}-${method.writes}.jsonl`);
  await writeAugmentation(file, { ...provenance, split: parts.digest, records } as AugmentationArtefact);
  return written;
}

/** Both, without what would stand there twice: a triple, or an item inserted for a user that has it. */
function joined(first: Augmentation["data"], second: Augmentation["data"]): Augmentation["data"] {
  const both = (
    a: Int32Array | undefined,
    b: Int32Array | undefined,
    nameOf: (triple: Int32Array) => string,
  ) => {
    const kept = new Map<string, Int32Array>();
    for (const triples of [a, b])
      for (let at = 0; at < (triples?.length ?? 0); at += 3) {
        const triple = triples?.subarray(at, at + 3) ?? new Int32Array();
        if (!kept.has(nameOf(triple))) kept.set(nameOf(triple), triple);
      }
    return Int32Array.from(Array.from(kept.values(), (triple) => [...triple]).flat());
  };
  return {
    extraPairs: second.extraPairs && both(first.extraPairs, second.extraPairs, (triple) => triple.join(" ")),
    insertions:
      second.insertions && both(first.insertions, second.insertions, ([user, , item]) => `${user} ${item}`),
  };
}
