import { join } from "node:path";
import { writeAugmentation } from "../augmentation/artefact.js";
import { attributeFields, augmentAttributes } from "../augmentation/attributeAugmentation.js";
import {
  type RatingPromptAugmenter,
  ratingPromptAugmenter,
} from "../augmentation/ratingPromptAugmentation.js";
import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { withItemAttributes } from "../data/withItemAttributes.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { type AttributeTemplate, BOOK_ATTRIBUTES, MOVIE_ATTRIBUTES } from "../llm/prompts/attributes.js";
import { buildRatePrompt } from "../llm/prompts/build.js";
import type { RatingDefinition } from "../models/backbone.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { evaluateRatings, givenRatings, type Rater } from "../models/ratings.js";
import type { ListName, Lists, RatedRow, RatingCell } from "./cell.js";
import { type CellJob, costMeter, stageOf } from "./cellJob.js";
import { factsOf } from "./facts.js";
import type { RowName } from "./summary.js";
import { trainedPredictor } from "./trained.js";

/**
 * Predictions of one backbone under one seed beside those of language models and controls: everything from which the rows of
 * table 4 are made (Llama4Rec, arXiv 2401.13870).
 * @param closedForm Biases and factors, chosen on validation; disposed of here.
 */
export async function ratingCell(
  job: CellJob<RatingDefinition>,
  closedForm: () => Promise<Rater>,
): Promise<RatingCell> {
  const { config, backbone, seed, parts, models, key } = job;
  const cost = costMeter(job);
  // Before anything is trained.
  attributeFields({ template: templateOf(parts.train), fields: config.augmentation.fields });
  const wants = (...rows: readonly RowName[]): boolean => config.rows.some((row) => rows.includes(row));
  const lists: Partial<Record<ListName, Lists<RatedRow>>> = {};
  const listsOf = async (
    rows: (heldOut: HeldOut) => RatedRow[] | Promise<RatedRow[]>,
  ): Promise<Lists<RatedRow>> => ({
    validation: await rows(parts.validation),
    test: await rows(parts.test),
  });

  using base = await trainedPredictor(job, seed);
  // Base's own errors stand in any list of its predictions; this one asks nobody.
  using second = await trainedPredictor(job, seed + 1);
  lists["second-seed"] = await listsOf((heldOut) => ratedRows(job, base, second, heldOut));
  if (wants("closed-form")) {
    using other = await closedForm();
    lists["closed-form"] = await listsOf((heldOut) => ratedRows(job, base, other, heldOut));
  }
  const asked = (predictor: RatingPredictor, model: LanguageModel): Promise<Lists<RatedRow>> =>
    listsOf((heldOut) => askedRows(job, predictor, model, heldOut));
  if (wants("ift", "chosen")) lists.ift = await asked(base, models.plain);
  if (wants("without-data", "chosen")) lists["without-data"] = await asked(base, models.augmented);
  let augmentation: RatingCell["augmentation"] = null;
  if (wants("llama4rec", "without-prompt", "without-adaptive", "learned", "chosen")) {
    const written = await writtenView(job);
    using trained = await trainedPredictor(job, seed, written.view, written.columns);
    const rmseOf = (rater: Rater): number => evaluateRatings(rater, parts.validation).rmse;
    const dropped = config.augmentation.guard && rmseOf(trained) >= rmseOf(base);
    const retrained = dropped ? base : trained;
    augmentation = dropped ? { ...written.counts, used: 0 } : written.counts;
    lists.llama4rec = await asked(retrained, models.augmented);
    if (wants("without-prompt", "chosen")) lists["without-prompt"] = await asked(retrained, models.plain);
  }
  return { key, backbone: backbone.name, seed, split: parts.digest, lists, augmentation, cost: cost() };
}

interface Written {
  readonly view: TrainView;
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly counts: NonNullable<RatingCell["augmentation"]>;
}

/** The training view with the attributes that the language model writes; the same for all backbones and seeds. */
async function writtenView(job: CellJob<RatingDefinition>): Promise<Written> {
  const { config, models, parts, signal, clock } = job;
  const written = await clock.time("ask", () =>
    augmentAttributes(models.plain, parts.train, {
      template: templateOf(parts.train),
      fields: config.augmentation.fields,
      items: config.augmentation.items,
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: stageOf(job, "language model writes attributes"), done, total }),
    }),
  );
  const { columns, asked, answered, known, provenance, records } = written;
  const file = join(job.work.augmentations, `seed${job.seed}-attributes.jsonl`);
  await writeAugmentation(file, { ...provenance, split: parts.digest, records });
  return {
    view: withItemAttributes(parts.train, columns),
    columns,
    counts: { asked, answered, used: known },
  };
}

/** Words for books where items have authors, else for movies. */
const templateOf = (view: TrainView): AttributeTemplate =>
  Object.hasOwn(view.itemAttributes, "author") ? BOOK_ATTRIBUTES : MOVIE_ATTRIBUTES;

/** Predictions of a backbone beside what a language model expects; the one tuned for it reads what the backbone says. */
async function askedRows(
  job: CellJob<RatingDefinition>,
  predictor: RatingPredictor,
  model: LanguageModel,
  heldOut: HeldOut,
): Promise<RatedRow[]> {
  const { models, parts, signal, clock } = job;
  const fields = model === models.augmented ? {} : { similarTitles: 0, expected: false };
  const augmenter: RatingPromptAugmenter = ratingPromptAugmenter(predictor, parts.train, fields);
  const rows = ratedRows(job, predictor, null, heldOut);
  let done = 0;
  return await clock.time("ask", () =>
    inFlight(rows, { signal }, async (row, signal, at) => {
      const prompt = buildRatePrompt(augmenter.describe(row.user, heldOut.items[at]), { model });
      const answer = await model.rate(prompt, { signal });
      clock.report({
        stage: stageOf(job, `language model rates, ${heldOut.name}`),
        done: ++done,
        total: rows.length,
      });
      if (!answer.answered) return row;
      return { ...row, other: answer.rating, margin: Math.max(...answer.probabilities) };
    }),
  );
}

/** Predictions of a backbone beside those of another. */
function ratedRows({ parts }: CellJob, predictor: Rater, other: Rater | null, heldOut: HeldOut): RatedRow[] {
  const { users, items } = heldOut;
  const ratings = givenRatings(heldOut);
  const facts = factsOf(parts.train, heldOut);
  const own = predictor.predict(users, items);
  const others = other?.predict(users, items) ?? null;
  return facts.map((fact, at) => ({
    ...fact,
    truth: ratings[at],
    recommender: own[at],
    other: others === null ? null : others[at],
    margin: others === null ? null : 0,
  }));
}
