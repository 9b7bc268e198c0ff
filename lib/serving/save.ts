import { copyFile, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { IdMap } from "../data/idMap.js";
import type { TrainView } from "../data/trainView.js";
import { saveModel } from "../models/modelFile.js";
import type { TrainedRanker } from "../models/ranker.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { Catalogue } from "../native/catalogue.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { replaceFile } from "../storage/atomicFile.js";
import { saveCatalogue } from "../storage/catalogueFile.js";
import { sha256OfFile } from "../storage/fileHash.js";
import { unitRows } from "./directions.js";
import { saveFoldIn } from "./foldInFile.js";
import { learnFoldIn } from "./foldInLearning.js";
import { saveKnown } from "./known.js";
import {
  type Manifest,
  type Mixing,
  manifestName,
  manifestText,
  mixingOf,
  readManifest,
} from "./manifest.js";

/** A language model up to this many bytes is copied into the folder. */
const copied = 64 * 2 ** 20;

/** What {@link saveRecommender} writes. */
export interface RecommenderParts {
  readonly ranker: TrainedRanker;
  /** What the ranker was trained on: what users have, in order, and titles. */
  readonly view: TrainView;
  /** Id of each user index. */
  readonly users: IdMap;
  /** Id of each item index. */
  readonly items: IdMap;
  /** A model that rates the same items for the same users, for {@link Recommender.rate}; default: none. */
  readonly rater?: RatingPredictor | null;
  /**
   * A GGUF file of the catalogue's language model. Up to 64 MB it is copied into the folder, a larger one stays where it
   * is; the folder keeps its SHA-256. Default: none.
   */
  readonly languageModel?: string | null;
  /**
   * How it is mixed in, as validation chose; default: likelihood, hints, alpha1 .5, alpha2 0, the ranker's own question. Given
   * without a file, it is for a language model of the caller's, which the folder is opened with; else no file means no mixing.
   */
  readonly mixing?: Partial<Mixing>;
  /** Whether a user's known items stay out of lists unless asked for; default true. */
  readonly excludeSeen?: boolean;
}

/**
 * Writes a recommender's folder, or replaces what is in it: new files under new names first, then the manifest that names
 * them, by one rename. Who opens the folder sees the old recommender or the new one, whole, and one that is open goes on with
 * the old files, which stay for one more generation.
 *
 * @returns The generation written: the snapshot's name in answers.
 * @throws Llama4RecError `E_ARGUMENT` when parts do not fit each other, `E_FILE` when something cannot be read or written.
 * @example
 * ```ts
 * const { ranker } = await train({ backbone: "SASRec", view, seed: 1 });
 * await saveRecommender("recommender", { ranker, view, users: dataset.users, items: dataset.items });
 * ```
 */
export async function saveRecommender(folder: string, parts: RecommenderParts): Promise<string> {
  const { ranker, rater = null, view, users, items, languageModel = null, excludeSeen = true } = parts;
  if (view.userCount !== ranker.userCount || view.itemCount !== ranker.itemCount)
    throw argumentError(
      "view",
      `${ranker.userCount} users and ${ranker.itemCount} items, as the ranker`,
      `${view.userCount} and ${view.itemCount}`,
    );
  if (users.size !== ranker.userCount)
    throw argumentError("users", `${ranker.userCount} ids, as the ranker`, users.size);
  if (items.size !== ranker.itemCount)
    throw argumentError("items", `${ranker.itemCount} ids, as the ranker`, items.size);
  if (rater !== null && (rater.userCount !== ranker.userCount || rater.itemCount !== ranker.itemCount))
    throw argumentError(
      "rater",
      `${ranker.userCount} users and ${ranker.itemCount} items, as the ranker`,
      `${rater.userCount} and ${rater.itemCount}`,
    );
  const question = ranker.model.kind === "sequence" ? "sequential" : "direct";
  const defaults: Mixing = {
    mode: "likelihood",
    question,
    hints: true,
    alpha1: 0.5,
    alpha2: 0,
    form: "scaled",
  };
  const mixing = mixingOf({ ...defaults, ...parts.mixing });
  const refines = languageModel !== null || parts.mixing !== undefined;
  await orFileError(folder, () => mkdir(folder, { recursive: true }));
  const generation = process.getBuiltinModule("node:crypto").randomBytes(6).toString("hex");
  const marker = join(folder, `${savingMark}${generation}`);
  await orFileError(marker, () => writeFile(marker, ""));
  try {
    await writeGeneration(
      folder,
      generation,
      { ...parts, rater, excludeSeen, languageModel },
      refines ? mixing : null,
    );
  } finally {
    await rm(marker, { force: true });
  }
  return generation;
}

/** Begins the name of a file that is there while a generation is written: nobody else removes its files then. */
const savingMark = "saving-";
/** A mark older than this was left by a writer that was killed, in milliseconds. */
const longestSaving = 24 * 60 * 60 * 1000;

async function writeGeneration(
  folder: string,
  generation: string,
  parts: RecommenderParts & Required<Pick<RecommenderParts, "excludeSeen" | "languageModel" | "rater">>,
  mixing: Mixing | null,
): Promise<void> {
  const { ranker, rater, view, users, items, languageModel, excludeSeen } = parts;
  const { dimension } = ranker;
  const named = (name: string): string => `${name}-${generation}.safetensors`;
  const manifest: Manifest = {
    generation,
    model: named("model"),
    known: named("known"),
    catalogue: named("catalogue"),
    foldIn: ranker.model.kind === "factors" ? named("foldin") : null,
    rater: rater === null ? null : named("rater"),
    directions: named("directions"),
    neighbours: mixing === null ? null : named("neighbours"),
    languageModel: languageModel === null ? null : await pinned(folder, languageModel),
    mixing,
    excludeSeen,
  };
  await saveModel(join(folder, manifest.model), ranker);
  if (manifest.rater !== null && rater !== null) await saveModel(join(folder, manifest.rater), rater);
  await saveKnown(join(folder, manifest.known), view, { users, items });
  await saveVectors(join(folder, manifest.catalogue), ranker.itemVectors, dimension, ranker.itemBiases);
  if (manifest.foldIn !== null && ranker.model.kind === "factors")
    await saveFoldIn(join(folder, manifest.foldIn), await learnFoldIn(ranker.model.factors, view));
  await saveVectors(join(folder, manifest.directions), unitRows(ranker.itemVectors, dimension), dimension);
  if (manifest.neighbours !== null)
    await saveVectors(join(folder, manifest.neighbours), unitRows(ranker.userVectors, dimension), dimension);
  const before = await readManifest(folder).catch(() => null);
  await replaceFile(join(folder, manifestName), [Buffer.from(manifestText(manifest))]);
  await removeOthers(folder, [manifest, ...(before === null ? [] : [before])]);
}

async function saveVectors(
  path: string,
  vectors: Float32Array,
  dimension: number,
  biases: Float32Array | null = null,
): Promise<void> {
  using catalogue = new Catalogue(vectors, { dimension, biases });
  await saveCatalogue(path, catalogue);
}

/** The language model's file in the folder, or where it is. */
async function pinned(folder: string, path: string): Promise<Manifest["languageModel"]> {
  const sha256 = await sha256OfFile(path);
  const { size } = await orFileError(path, () => stat(path));
  if (size > copied) return { file: resolve(path), sha256 };
  const file = `llama-${sha256.slice(0, 12)}.gguf`;
  const target = join(folder, file);
  const there = await sha256OfFile(target).catch(() => null);
  if (there !== sha256) await orFileError(target, () => copyFile(path, target));
  return { file, sha256 };
}

/** Files that this module writes, by their names. */
const ours =
  /^(?:model|rater|known|catalogue|foldin|directions|neighbours)-(?<generation>[0-9a-f]{12})\.safetensors$|^llama-[0-9a-f]{12}\.gguf$/;

/** Removes files of generations that nobody opens any more; what cannot be removed only costs space. */
async function removeOthers(folder: string, kept: readonly Manifest[]): Promise<void> {
  const names = new Set(
    kept.flatMap(({ model, rater, known, catalogue, foldIn, directions, neighbours, languageModel }) => [
      model,
      rater,
      known,
      directions,
      catalogue,
      foldIn,
      neighbours,
      languageModel && basename(languageModel.file),
    ]),
  );
  const there = await readdir(folder);
  const writing = new Set<string>();
  for (const name of there.filter((name) => name.startsWith(savingMark))) {
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: 0 }));
    if (Date.now() - mtimeMs < longestSaving) writing.add(name.slice(savingMark.length));
    else await rm(join(folder, name), { force: true }).catch(() => {});
  }
  writing.delete(kept[0].generation);
  for (const name of there) {
    const generation = ours.exec(name)?.groups?.generation;
    const isModel = generation === undefined && ours.test(name); // shared by generations: whoever writes one may want it
    if (!ours.test(name) || names.has(name) || (isModel ? writing.size > 0 : writing.has(generation ?? "")))
      continue;
    await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

async function orFileError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${path}: ${reason}`, { cause });
  }
}
