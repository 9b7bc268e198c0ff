import { isAbsolute, join } from "node:path";
import { type LongTailRange, longTailRange } from "../aggregation/weight.js";
import type { ExternalId } from "../data/idMap.js";
import { loadFrozenModel, orCorrupt } from "../models/modelFile.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { type Catalogue, topKRow } from "../native/catalogue.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { openCatalogue } from "../storage/catalogueFile.js";
import { type Engine, engineOf } from "./engine.js";
import { ExtraItems } from "./extraItems.js";
import { readFoldIn } from "./foldInFile.js";
import { type Known, readKnown } from "./known.js";
import { type Manifest, readManifest } from "./manifest.js";
import type { StoredIds } from "./storedIds.js";
import { alikeByTitle, meanOf } from "./titleWords.js";
import { inTurns, turn } from "./turns.js";

const none = new Int32Array(0);

/** What is counted when a folder is opened. */
interface Counted {
  /** Items, the one that most users have first. */
  readonly popular: Int32Array;
  /** Of the users who have an item, if there is one. */
  readonly userCounts: LongTailRange;
  /** The ratings that occur, ascending. */
  readonly scale: readonly number[];
}

async function counted({ itemIds, userIds, offsets, items, ratings }: Known): Promise<Counted> {
  const counts = new Int32Array(itemIds.size);
  const scale = new Set<number>();
  await inTurns(items.length, (begin, end) => {
    for (let at = begin; at < end; at++) counts[items[at]]++;
    for (let at = begin; at < end; at++)
      if (at === 0 || ratings[at] !== ratings[at - 1]) scale.add(ratings[at]);
  });
  let fewest = Number.POSITIVE_INFINITY;
  let most = 0;
  await inTurns(userIds.size, (begin, end) => {
    for (let user = begin; user < end; user++) {
      const count = offsets[user + 1] - offsets[user];
      if (count > 0) fewest = Math.min(fewest, count);
      most = Math.max(most, count);
    }
  });
  return {
    popular: await byCount(counts),
    userCounts: longTailRange(Int32Array.of(Math.min(fewest, most), most)),
    scale: [...scale].sort((a, b) => a - b),
  };
}

/** Indices by their counts, the highest first, equal ones in order: one pass for counts and one for places. */
async function byCount(counts: Int32Array): Promise<Int32Array> {
  let most = 0;
  await inTurns(counts.length, (begin, end) => {
    for (let index = begin; index < end; index++) most = Math.max(most, counts[index]);
  });
  const places = new Int32Array(most + 2); // where indices of a count begin
  await inTurns(counts.length, (begin, end) => {
    for (let index = begin; index < end; index++) places[most - counts[index] + 1]++;
  });
  for (let at = 1; at < places.length; at++) places[at] += places[at - 1];
  const order = new Int32Array(counts.length);
  await inTurns(counts.length, (begin, end) => {
    for (let index = begin; index < end; index++) order[places[most - counts[index]]++] = index;
  });
  return order;
}

/** With its backbones, which most services have no use for and need not wait for. */
async function raterOf(path: string, verify: boolean): Promise<RatingPredictor> {
  const { loadRatingModel } = await import("../models/ratingModelFile.js");
  return (await loadRatingModel(path, { verify })).predictor;
}

/**
 * One generation of a recommender's folder, open: immutable, shared by all requests that began while it was current. It is
 * freed when the last of them and its owner have let go.
 */
export class Snapshot {
  readonly users: StoredIds;
  readonly items: StoredIds;
  /** Items, the one that most users have first. */
  readonly popular: Int32Array;
  readonly userCounts: LongTailRange;
  /** The ratings that occur, ascending. */
  readonly scale: readonly number[];
  /** Whether two ratings differ: else they say nothing. */
  readonly rated: boolean;
  /** Items that came after the training. */
  readonly extra: ExtraItems;
  #leases = 1;
  #lowerTitles: readonly string[] | undefined;

  private constructor(
    readonly folder: string,
    readonly manifest: Manifest,
    readonly engine: Engine,
    readonly known: Known,
    counted: Counted,
    /** Rates the same items for the same users. */
    readonly rater: RatingPredictor | null,
    /** Items by their directions. */
    readonly directions: Catalogue,
    /** Users by the directions of their vectors. */
    readonly neighbours: Catalogue | null,
  ) {
    this.users = known.userIds;
    this.items = known.itemIds;
    this.popular = counted.popular;
    this.userCounts = counted.userCounts;
    this.scale = counted.scale;
    this.rated = counted.scale.length > 1;
    this.extra = new ExtraItems(known.itemIds.size);
  }

  /**
   * Opens what the folder's manifest names now.
   * @throws Llama4RecError `E_FILE`, `E_CORRUPT`, `E_VERSION`, `E_MISMATCH`, `E_NO_MEMORY`.
   */
  static async open(folder: string, { map = true, verify = false } = {}): Promise<Snapshot> {
    const manifest = await readManifest(folder);
    try {
      return await Snapshot.#opened(folder, manifest, map, verify);
    } catch (error) {
      // Two generations later its files are gone: whoever was that slow looks again.
      const now = await readManifest(folder);
      if (now.generation === manifest.generation) throw error;
      return Snapshot.#opened(folder, now, map, verify);
    }
  }

  static async #opened(folder: string, manifest: Manifest, map: boolean, verify: boolean): Promise<Snapshot> {
    const { model } = await loadFrozenModel(join(folder, manifest.model), { verify });
    if (model.kind === "rating")
      throw new Llama4RecError("E_MISMATCH", `${folder}: expected a model that ranks, got one that rates`);
    const known = await readKnown(join(folder, manifest.known));
    const [users, items] = [known.userIds, known.itemIds];
    const sums = await counted(known);
    const open: Disposable[] = [];
    try {
      const opened = async (name: string): Promise<Catalogue> => {
        const catalogue = await openCatalogue(join(folder, name), { map });
        open.push(catalogue);
        return catalogue;
      };
      const directions = await opened(manifest.directions);
      const neighbours = manifest.neighbours === null ? null : await opened(manifest.neighbours);
      const foldIn =
        model.kind === "factors" && manifest.foldIn !== null
          ? await readFoldIn(join(folder, manifest.foldIn), model.factors.dimension)
          : null;
      const catalogue = await opened(manifest.catalogue);
      await turn();
      const engine = orCorrupt(join(folder, manifest.model), () => engineOf(model, catalogue, foldIn));
      open.push(engine);
      await turn();
      const rater = manifest.rater === null ? null : await raterOf(join(folder, manifest.rater), verify);
      if (rater !== null) open.push(rater);
      const fits =
        (model.kind !== "factors" || model.factors.users.length === users.size * engine.dimension) &&
        (rater === null || (rater.userCount === users.size && rater.itemCount === items.size)) &&
        engine.itemCount === items.size &&
        engine.itemVectors.length === items.size * engine.dimension &&
        catalogue.dimension === engine.dimension &&
        directions.size === items.size &&
        directions.dimension === engine.dimension &&
        (neighbours === null ||
          (neighbours.size === users.size && neighbours.dimension === engine.dimension));
      if (!fits)
        throw new Llama4RecError("E_CORRUPT", `${folder}: its files are not of the same users and items`);
      await turn();
      return new Snapshot(folder, manifest, engine, known, sums, rater, directions, neighbours);
    } catch (error) {
      for (const each of open.reverse()) each[Symbol.dispose]();
      throw error;
    }
  }

  /** What the training has of a user, oldest first; a window, not a copy. */
  seen(user: number): Int32Array {
    const { offsets, items } = this.known;
    return items.subarray(offsets[user], offsets[user + 1]);
  }

  /** Ratings of {@link Snapshot.seen}. */
  ratings(user: number): Float32Array {
    const { offsets, ratings } = this.known;
    return ratings.subarray(offsets[user], offsets[user + 1]);
  }

  /** The user whose vector points most nearly where this one does, beside `user`; -1 where there is none. */
  similarUser(vector: Float32Array, user: number): number {
    if (this.neighbours === null) return -1;
    const excluded = user < 0 ? null : { offsets: Int32Array.of(0, 1), items: Int32Array.of(user) };
    return topKRow(this.neighbours.topK(vector, { k: 1, excluded }), 0)[0] ?? -1;
  }

  /** The language model's file. */
  get languageModelPath(): string | null {
    const file = this.manifest.languageModel?.file;
    return file === undefined ? null : isAbsolute(file) ? file : join(this.folder, file);
  }

  /** Index of an item of the training or after it; -1 where it is unknown. */
  indexOf(id: ExternalId): number {
    const index = this.items.indexOf(id);
    return index < 0 ? this.extra.indexOf(id) : index;
  }

  /** Id of an index. */
  idAt(index: number): ExternalId {
    return this.extra.at(index)?.id ?? this.items.idAt(index);
  }

  /** Title of an index. */
  titleAt(index: number): string {
    return this.extra.at(index)?.title ?? this.known.titles.at(index);
  }

  /** Vector of an index; zeros for an item after the training that is like no other. */
  vectorOf(index: number): Float32Array {
    const { itemVectors, dimension } = this.engine;
    const extra = this.extra.at(index);
    if (extra !== undefined) return extra.known?.vector ?? new Float32Array(dimension);
    return itemVectors.subarray(index * dimension, (index + 1) * dimension);
  }

  /** Score of an index for a vector of {@link Engine.vector}; NaN for an item after the training that is like no other. */
  scoreOf(vector: Float32Array, index: number): number {
    const extra = this.extra.at(index);
    if (extra === undefined) return this.engine.score(vector, index);
    return extra.known?.vector.reduce((sum, x, d) => sum + x * vector[d], extra.known.bias) ?? Number.NaN;
  }

  /** Takes an item in that no training knows: its vector and bias are those of items with such a title. */
  addItem(id: ExternalId, title: string): void {
    const { itemVectors, itemBiases, itemCount, dimension } = this.engine;
    const alike = alikeByTitle(title, this.known.words, itemCount);
    const known = alike && {
      vector: meanOf(alike, itemVectors, dimension),
      bias: itemBiases === null ? 0 : meanOf(alike, itemBiases, 1)[0],
      nearest: alike.items[0],
    };
    this.extra.add({ id, title, known });
  }

  /** Indices of the known ones among some items. */
  indicesOf(ids: readonly ExternalId[]): Int32Array {
    if (ids.length === 0) return none;
    return Int32Array.from(ids, (id) => this.indexOf(id)).filter((index) => index >= 0);
  }

  /** Those of the indices that the engine knows. */
  trained(indices: Int32Array): Int32Array {
    const count = this.items.size;
    return this.extra.size === 0 ? indices : indices.filter((index) => index < count);
  }

  /** Titles in lower case, made when first asked for. */
  get lowerTitles(): readonly string[] {
    const { titles } = this.known;
    this.#lowerTitles ??= Array.from({ length: titles.size }, (_, item) => titles.at(item).toLowerCase());
    return this.#lowerTitles;
  }

  /** Index of an item. @throws Llama4RecError `E_ARGUMENT` when it is unknown. */
  itemIndex(name: string, id: ExternalId): number {
    const index = this.indexOf(id);
    if (index < 0) throw argumentError(name, "the id of a known item", id);
    return index;
  }

  /** Takes a lease, given back by {@link Snapshot.release}. */
  retain(): this {
    this.#leases++;
    return this;
  }

  release(): void {
    if (--this.#leases > 0) return;
    this.engine[Symbol.dispose]();
    this.rater?.dispose();
    this.neighbours?.dispose();
    this.directions.dispose();
  }
}
