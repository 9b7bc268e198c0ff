import { rankUtilities } from "../aggregation/utility.js";
import { promptAugmenter } from "../augmentation/promptAugmentation.js";
import type { HeldOut } from "../data/heldOut.js";
import { refine } from "../evaluation/refinement.js";
import { methodOf } from "../evaluation/tasks.js";
import type { LanguageModel } from "../llm/languageModel.js";
import type { RankingDefinition } from "../models/backbone.js";
import { forEachTopList, type Masking } from "../models/fullRanking.js";
import type { Ranker, TrainedRanker } from "../models/ranker.js";
import { topKRow } from "../native/catalogue.js";
import type { ListName, Lists, RankedRow, RankingCell } from "./cell.js";
import { type CellJob, costMeter, stageOf } from "./cellJob.js";
import { factsOf } from "./facts.js";
import { retrainedRanker } from "./rounds.js";
import type { RowName } from "./summary.js";
import { trainedRanker } from "./trained.js";

/** The one way in which a control orders candidates: by its scores. */
export const CONTROL_MODE = "scores";

/**
 * Candidates of one backbone under one seed, and what language models and controls make of them: everything from which the
 * rows of tables 2, 3 and 5 are made (Llama4Rec, arXiv 2401.13870).
 * @param closedForm EASE, of sequential recommendation with recency, chosen on validation; disposed of here.
 */
export async function rankingCell(
  job: CellJob<RankingDefinition>,
  masking: Masking,
  closedForm: () => Promise<Ranker>,
): Promise<RankingCell> {
  const { config, backbone, seed, parts, models, key } = job;
  const cost = costMeter(job);
  const wants = (...rows: readonly RowName[]): boolean => config.rows.some((row) => rows.includes(row));
  const lists: Partial<Record<ListName, Lists<RankedRow>>> = {};
  const listsOf = async (rows: (heldOut: HeldOut) => Promise<RankedRow[]>): Promise<Lists<RankedRow>> => ({
    validation: await rows(parts.validation),
    test: await rows(parts.test),
  });

  using base = await trainedRanker(job, seed, masking);
  // Base's own figures stand in any list of its candidates; this one asks nobody.
  using second = await trainedRanker(job, seed + 1, masking);
  lists["second-seed"] = await listsOf(async (heldOut) => scoredRows(job, base, second, heldOut, masking));
  if (wants("closed-form")) {
    using other = await closedForm();
    lists["closed-form"] = await listsOf(async (heldOut) => scoredRows(job, base, other, heldOut, masking));
  }
  const asked = (ranker: TrainedRanker, model: LanguageModel): Promise<Lists<RankedRow>> =>
    listsOf((heldOut) => askedRows(job, ranker, model, heldOut, masking));
  if (wants("ift", "chosen")) lists.ift = await asked(base, models.plain);
  if (wants("without-data", "chosen")) lists["without-data"] = await asked(base, models.augmented);
  let augmentation: RankingCell["augmentation"] = null;
  if (wants("llama4rec", "without-prompt", "without-adaptive", "learned", "chosen")) {
    const found = await retrainedRanker(job, base, masking);
    augmentation = found.augmentation;
    using retrained = found.ranker;
    lists.llama4rec = await asked(retrained, models.augmented);
    if (wants("without-prompt", "chosen")) lists["without-prompt"] = await asked(retrained, models.plain);
  }
  return {
    key,
    backbone: backbone.name,
    seed,
    split: parts.digest,
    lists,
    augmentation,
    cost: cost(),
  };
}

/** A ranker's candidates as a language model orders them; the one tuned for it reads what the ranker says. */
async function askedRows(
  job: CellJob<RankingDefinition>,
  ranker: TrainedRanker,
  model: LanguageModel,
  heldOut: HeldOut,
  masking: Masking,
): Promise<RankedRow[]> {
  const { backbone, config, models, parts, scale, signal, clock } = job;
  const fields = model === models.augmented ? {} : { similarTitles: 0, predictionTitles: 0 };
  const refined = await clock.time("ask", () =>
    refine(ranker, parts.train, heldOut, {
      languageModel: model,
      augmenter: promptAugmenter(ranker, parts.train, fields),
      template: methodOf(config.question ?? backbone.task).template,
      masking,
      modes: config.modes,
      scale,
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: stageOf(job, `language model ranks, ${heldOut.name}`), done, total }),
    }),
  );
  const facts = factsOf(parts.train, heldOut);
  return refined.map(({ heldOut: place, candidates, languageModel, margins }, row) => ({
    ...facts[row],
    place,
    candidates: candidates.length,
    utilities: place === 0 ? {} : mapValues(languageModel, (utilities) => utilities && [...utilities]),
    margins: place === 0 ? {} : margins,
  }));
}

/** A ranker's candidates as another ranker orders them. */
function scoredRows(
  { parts }: CellJob,
  ranker: Ranker,
  other: Ranker,
  heldOut: HeldOut,
  masking: Masking,
): RankedRow[] {
  const facts = factsOf(parts.train, heldOut);
  const rows: RankedRow[] = [];
  forEachTopList(ranker, parts.train, heldOut, { masking }, (row, items) => {
    const place = items.indexOf(heldOut.items[row]) + 1;
    rows[row] = { ...facts[row], place, candidates: items.length, utilities: {}, margins: {} };
    if (place === 0) return;
    const user = heldOut.users.subarray(row, row + 1);
    const order = topKRow(other.topK(user, { k: items.length, allowed: items.slice() }), 0);
    // What the other does not rank comes last, in the backbone's order.
    const scores = Array.from(items, (item) => -(order.includes(item) ? order.indexOf(item) : order.length));
    rows[row] = { ...rows[row], utilities: { [CONTROL_MODE]: [...rankUtilities(scores)] } };
  });
  return rows;
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, value: (entry: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, entry]) => [name, value(entry)]));
}
