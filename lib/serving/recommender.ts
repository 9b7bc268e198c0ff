import type { ExternalId } from "../data/idMap.js";
import { topKRow } from "../native/catalogue.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { Batcher, type Found, findNow, type Search } from "./batcher.js";
import { unitRows } from "./directions.js";
import {
  type ExplainRequest,
  type Explanation,
  explained,
  explainedAlpha,
  overriddenAlpha,
} from "./explain.js";
import { extrasFor, withExtraItems } from "./extraItems.js";
import { type Due, LanguageSide } from "./language.js";
import { joined, listOf, mixedList, popular } from "./lists.js";
import { type FoundItem, type FoundUser, findItems, findUsers } from "./lookup.js";
import { readManifest } from "./manifest.js";
import type { RecommenderOptions, RecommenderStats } from "./options.js";
import { Overlay } from "./overlay.js";
import { type Person, personOf } from "./person.js";
import { ratingsFor } from "./rating.js";
import {
  type CheckedRequest,
  checkedId,
  checkedIds,
  checkedRequest,
  mostItems,
  type RequestDefaults,
} from "./request.js";
import { Scheduler } from "./scheduler.js";
import { Snapshot } from "./snapshot.js";
import { turn } from "./turns.js";
import type {
  NotRefined,
  RatingRequest,
  Recommendation,
  RecommenderUpdate,
  RecommendRequest,
  ServingMode,
  Whom,
} from "./types.js";
import { checkedUpdate } from "./update.js";

/** Items that may come after a training: each is looked at for every list. */
const mostExtraItems = 1000;

/** Items of all lists of {@link Recommender.recommendMany} together, and lists between two turns of the event loop. */
const mostOfMany = 20_000;
const manyATurn = 32;

/**
 * A recommender for a service: opened from a folder of {@link saveRecommender}, it answers in microseconds by its conventional
 * model, lets the language model order the best ones within a deadline, takes new interactions into account at once, and is
 * swapped for a retrained one while requests run.
 *
 * @example
 * ```ts
 * await using recommender = await Recommender.open("recommender");
 * const { ids } = await recommender.recommend({ user: "ada", k: 10 });
 * const refined = await recommender.recommend({ history: ["b7", "b9"], mode: "inline", deadlineMs: 30 });
 * recommender.update({ interactions: [{ user: "ada", item: ids[0] }] });
 * await recommender.reload(); // after another process saved a retrained one
 * ```
 */
export class Recommender implements AsyncDisposable {
  readonly folder: string;
  readonly #options: RecommenderOptions;
  readonly #overlay = new Overlay();
  readonly #batcher = new Batcher();
  readonly #scheduler: Scheduler;
  #snapshot: Snapshot;
  #language: LanguageSide | null;
  #defaults: RequestDefaults;
  #running = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | null = null;
  #reloading: Promise<boolean> | null = null;

  private constructor(
    folder: string,
    options: RecommenderOptions,
    snapshot: Snapshot,
    scheduler: Scheduler,
    language: LanguageSide | null,
  ) {
    this.folder = folder;
    this.#options = options;
    this.#snapshot = snapshot;
    this.#scheduler = scheduler;
    this.#language = language;
    this.#defaults = defaultsOf(options, snapshot);
  }

  /**
   * Opens a folder of {@link saveRecommender}.
   * @throws Llama4RecError `E_FILE` when something cannot be read, `E_CORRUPT` when it is not what was written, `E_VERSION`,
   *   `E_MISMATCH`, `E_NO_MEMORY`; `E_GGUF` for the language model; `E_ARGUMENT` for bad options.
   */
  static async open(folder: string, options: RecommenderOptions = {}): Promise<Recommender> {
    if (typeof folder !== "string" || folder === "") throw argumentError("folder", "a path", folder);
    if (typeof options !== "object" || options === null) throw argumentError("options", "an object", options);
    const snapshot = await Snapshot.open(folder, options);
    try {
      checkedRequest({ user: 0 }, defaultsOf(options, snapshot));
      const scheduler = new Scheduler({ lanes: 2, ...options.scheduler });
      const language = await LanguageSide.open(snapshot, options, scheduler);
      return new Recommender(folder, options, snapshot, scheduler, language);
    } catch (error) {
      snapshot.release();
      throw error;
    }
  }

  /** Generation of the folder that answers now. */
  get snapshot(): string {
    return this.#snapshot.manifest.generation;
  }

  /** Whether {@link Recommender.close} was called. */
  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Mode of requests that name none. */
  get mode(): ServingMode {
    return this.#defaults.mode;
  }

  /** Whether a language model has a part in answers. */
  get refines(): boolean {
    return this.#language !== null;
  }

  /**
   * A list of recommendations. A fault of the language model never fails it: the conventional list is the answer then, and
   * `notRefined` says why.
   * @throws Llama4RecError `E_ARGUMENT` naming the field, also for unknown ids where the policy is to throw; `E_DISPOSED` after
   *   {@link Recommender.close}; the signal's reason when aborted.
   */
  async recommend(request: RecommendRequest): Promise<Recommendation> {
    const begin = performance.now();
    return this.#during(async (snapshot, language) => {
      const asked = checkedRequest(request, this.#defaults);
      asked.signal?.throwIfAborted();
      const person = personOf(asked, asked.unknown, snapshot, this.#overlay);
      const search = this.#searchFor(asked, person, snapshot);
      const found = search === null ? popular(asked, person, snapshot) : await this.#found(search);
      const foundAt = performance.now();
      asked.signal?.throwIfAborted();
      const mixed = await this.#mixed(asked, person, found, { snapshot, language, begin });
      asked.signal?.throwIfAborted();
      const end = performance.now();
      const { ids, scores } = listOf(mixed.found, asked.k, snapshot);
      return {
        ids,
        scores,
        engines: mixed.notRefined === null ? ["conventional", "languageModel"] : ["conventional"],
        alpha: mixed.alpha,
        notRefined: mixed.notRefined,
        snapshot: snapshot.manifest.generation,
        timings: {
          conventionalMs: foundAt - begin,
          languageModelMs: mixed.asked ? end - foundAt : 0,
          totalMs: end - begin,
        },
      };
    });
  }

  /**
   * The conventional list, found before it returns: right for catalogues of some 10,000 items; mode and deadline are not read.
   * @throws Llama4RecError As {@link Recommender.recommend}.
   */
  recommendSync(request: RecommendRequest): Recommendation {
    const begin = performance.now();
    this.#checkOpen();
    const snapshot = this.#snapshot;
    const asked = checkedRequest(request, this.#defaults);
    const person = personOf(asked, asked.unknown, snapshot, this.#overlay);
    const search = this.#searchFor(asked, person, snapshot, "conventional");
    const found =
      search === null ? popular(asked, person, snapshot) : withExtraItems(findNow(search), search);
    const took = performance.now() - begin;
    const { ids, scores } = listOf(found, asked.k, snapshot);
    return {
      ids,
      scores,
      engines: ["conventional"],
      alpha: 0,
      notRefined: "off",
      snapshot: snapshot.manifest.generation,
      timings: { conventionalMs: took, languageModelMs: 0, totalMs: took },
    };
  }

  /**
   * Lists of many requests, in their order; those that can be are found together.
   * @throws Llama4RecError What the first one to fail throws.
   */
  async recommendMany(requests: readonly RecommendRequest[]): Promise<Recommendation[]> {
    if (!Array.isArray(requests)) throw argumentError("requests", "a list of requests", requests);
    const total = requests.reduce((sum, request) => sum + (Number(request?.k) || 10), 0);
    if (total > mostOfMany)
      throw argumentError("requests", `lists of at most ${mostOfMany} items together`, total);
    const lists: Recommendation[] = [];
    for (let begin = 0; begin < requests.length; begin += manyATurn) {
      if (begin > 0) await turn();
      const some = requests.slice(begin, begin + manyATurn);
      lists.push(...(await Promise.all(some.map((request, at) => this.#oneOfMany(request, begin + at)))));
    }
    return lists;
  }

  async #oneOfMany(request: RecommendRequest, at: number): Promise<Recommendation> {
    try {
      return await this.recommend(request);
    } catch (error) {
      if (!(error instanceof Llama4RecError) || error.code !== "E_ARGUMENT") throw error;
      throw new Llama4RecError("E_ARGUMENT", `requests[${at}].${error.message}`, { cause: error });
    }
  }

  /**
   * The conventional model's scores of items, for somebody; NaN for an item that it does not know, unless the policy is to
   * throw, and for all where nothing is known of them.
   * @throws Llama4RecError As {@link Recommender.recommend}.
   */
  score(whom: Whom, items: readonly ExternalId[]): Float64Array {
    this.#checkOpen();
    const snapshot = this.#snapshot;
    const { unknown } = checkedRequest(whom, this.#defaults);
    const person = personOf(whom, unknown, snapshot, this.#overlay);
    const places = checkedIds("items", items).map((id, at) =>
      unknown === "throw" ? snapshot.itemIndex(`items[${at}]`, id) : snapshot.indexOf(id),
    );
    if (person.query.items.length === 0 || person.skipped)
      return new Float64Array(places.length).fill(Number.NaN);
    const vector = snapshot.engine.vector(person.query);
    return Float64Array.from(places, (item) => (item < 0 ? Number.NaN : snapshot.scoreOf(vector, item)));
  }

  /** Whether {@link Recommender.rate} answers. */
  get rates(): boolean {
    return this.#snapshot.rater !== null;
  }

  /**
   * The ratings that somebody would give, within the range of the training ratings; NaN for an item that nobody knows, unless
   * the policy is to throw. What {@link Recommender.update} told of their ratings counts at once.
   * @throws Llama4RecError `E_TASK` when the folder holds no model that rates; `E_ARGUMENT` naming the field; `E_DISPOSED`.
   * @example
   * ```ts
   * const [stars] = recommender.rate({ user: "ada", items: ["b7"] });
   * recommender.rate({ history: ["b1", "b2"], ratings: [5, 2], items: ["b7"] }); // of somebody new
   * ```
   */
  rate(request: RatingRequest): Float64Array {
    this.#checkOpen();
    const snapshot = this.#snapshot;
    if (snapshot.rater === null)
      throw new Llama4RecError(
        "E_TASK",
        "rate: expected a recommender that was saved with a rater, got one without",
      );
    return ratingsFor(request, snapshot.rater, snapshot, this.#overlay, this.#defaults);
  }

  /**
   * What both sides make of a list, and why it is as it is: for a person who looks. The language model is asked as in mode
   * `inline`, also where alpha is 0.
   * @throws Llama4RecError As {@link Recommender.recommend}; `E_ARGUMENT` for an alpha outside of 0 to 1.
   */
  async explain(request: ExplainRequest): Promise<Explanation> {
    const begin = performance.now();
    return this.#during(async (snapshot, language) => {
      const asked = checkedRequest({ ...request, mode: "inline" }, this.#defaults);
      const override = overriddenAlpha(request);
      asked.signal?.throwIfAborted();
      const person = personOf(asked, asked.unknown, snapshot, this.#overlay);
      const search = this.#searchFor(asked, person, snapshot);
      const found = search === null ? popular(asked, person, snapshot) : await this.#found(search);
      const foundAt = performance.now();
      const candidates = found.items.slice(0, asked.candidates);
      const due = { due: begin + asked.deadlineMs, signal: asked.signal };
      const scores = (await language?.ask(person, candidates, snapshot, due)) ?? "off";
      asked.signal?.throwIfAborted();
      const end = performance.now();
      return explained({
        ...{ asked, person, found, snapshot, scores },
        alpha: language === null ? null : explainedAlpha(person, snapshot, override),
        prompt: language?.prompt(person, candidates, snapshot) ?? null,
        timings: {
          conventionalMs: foundAt - begin,
          languageModelMs: end - foundAt,
          totalMs: end - begin,
        },
      });
    });
  }

  /**
   * Items whose title has every word of a text, or whose id it is, the most popular ones first; those of the snapshot.
   * @throws Llama4RecError `E_ARGUMENT`; `E_DISPOSED`.
   */
  findItems(text: string, { limit = 20 }: { readonly limit?: number } = {}): FoundItem[] {
    this.#checkOpen();
    return findItems(text, limit, this.#snapshot);
  }

  /**
   * Users whose id begins with a text, in the order of their ids; those of the snapshot.
   * @throws Llama4RecError `E_ARGUMENT`; `E_DISPOSED`.
   */
  findUsers(text: string, { limit = 20 }: { readonly limit?: number } = {}): FoundUser[] {
    this.#checkOpen();
    return findUsers(text, limit, this.#snapshot);
  }

  /**
   * Items whose vectors point most nearly where this one's does, with cosines.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown item or a bad k; `E_DISPOSED`.
   */
  similarItems(
    id: ExternalId,
    { k = 10 }: { readonly k?: number } = {},
  ): { ids: ExternalId[]; scores: number[] } {
    this.#checkOpen();
    const snapshot = this.#snapshot;
    if (!Number.isInteger(k) || k < 1 || k > mostItems)
      throw argumentError("k", `an integer from 1 to ${mostItems}`, k);
    const item = snapshot.itemIndex("id", checkedId("id", id));
    const { itemCount } = snapshot.engine;
    const { directions } = snapshot;
    const vector = snapshot.vectorOf(item);
    if (vector.every((x) => x === 0)) return { ids: [], scores: [] };
    const top = directions.topK(unitRows(vector, vector.length), {
      k: Math.min(k, itemCount),
      excluded: item < itemCount ? { offsets: Int32Array.of(0, 1), items: Int32Array.of(item) } : null,
    });
    const items = topKRow(top, 0);
    return {
      ids: Array.from(items, (index) => snapshot.idAt(index)),
      scores: [...top.scores.subarray(0, items.length)],
    };
  }

  /**
   * All that is known of a user, oldest first: of the training and of updates. Empty for somebody unknown.
   * @throws Llama4RecError `E_ARGUMENT` for what is no id; `E_DISPOSED`.
   */
  historyOf(user: ExternalId): ExternalId[] {
    this.#checkOpen();
    const { items } = personOf({ user: checkedId("user", user) }, "cold", this.#snapshot, this.#overlay);
    return Array.from(items, (item) => this.#snapshot.idAt(item));
  }

  /**
   * Takes interactions and items into account: the next answer knows them. All of it, or nothing when something is wrong with
   * it. A user need not have been in training. A new item is recommended by its title: conventionally as items whose titles
   * share words with it, and by the language model as it reads.
   * @throws Llama4RecError `E_ARGUMENT` naming the field; `E_DISPOSED`.
   */
  update(update: RecommenderUpdate): void {
    this.#checkOpen();
    const knows = (item: ExternalId): boolean => this.#snapshot.indexOf(item) >= 0;
    const { interactions, items } = checkedUpdate(update, knows);
    const fresh = new Set(items.map(({ id }) => id).filter((id) => this.#snapshot.indexOf(id) < 0));
    if (this.#snapshot.extra.size + fresh.size > mostExtraItems)
      throw argumentError(
        "items",
        `at most ${mostExtraItems} that no training knows, of which ${this.#snapshot.extra.size} are there`,
        fresh.size,
      );
    for (const item of items) {
      if (this.#snapshot.items.indexOf(item.id) >= 0) continue;
      this.#overlay.addItem(item);
      this.#snapshot.addItem(item.id, item.title);
    }
    for (const interaction of interactions) this.#overlay.add(interaction);
  }

  /**
   * Lets the language model order the lists of users beforehand, for the mode `offline`: as background work.
   * @returns How many were ordered.
   * @throws Llama4RecError As {@link Recommender.recommend}; the signal's reason when aborted.
   */
  async refineAll(
    users: Iterable<ExternalId>,
    options: { readonly candidates?: number; readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    if (typeof users?.[Symbol.iterator] !== "function") throw argumentError("users", "ids of users", users);
    let refined = 0;
    for (const user of users) {
      options.signal?.throwIfAborted();
      if (await this.#refineBeforehand({ user, ...options })) refined++;
    }
    return refined;
  }

  async #refineBeforehand(request: RecommendRequest): Promise<boolean> {
    return this.#during(async (snapshot, language) => {
      const asked = checkedRequest({ ...request, mode: "background" }, this.#defaults);
      const person = personOf(asked, asked.unknown, snapshot, this.#overlay);
      const search = this.#searchFor(asked, person, snapshot);
      if (search === null) return false;
      const found = await this.#found(search);
      const scores = await language?.ask(person, found.items.slice(0, asked.candidates), snapshot, {
        due: null,
        signal: asked.signal,
      });
      return scores instanceof Float64Array;
    });
  }

  /**
   * Opens what the folder holds now and answers from it, while requests that run end on what they began with. What
   * {@link Recommender.update} added and the new snapshot does not know stays added.
   * @returns Whether there was another generation.
   * @throws Llama4RecError As {@link Recommender.open}; the old one goes on answering.
   */
  reload(): Promise<boolean> {
    this.#checkOpen();
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  async #reload(): Promise<boolean> {
    if ((await readManifest(this.folder)).generation === this.snapshot) return false;
    const next = await Snapshot.open(this.folder, this.#options);
    if (next.manifest.generation === this.snapshot || this.#closing !== null) {
      next.release();
      return false;
    }
    let language: LanguageSide | null;
    try {
      const sha256 = next.manifest.languageModel?.sha256 ?? null;
      const same =
        this.#language !== null &&
        (this.#options.languageModel !== undefined || this.#language.sha256 === sha256);
      language = same ? this.#language : await LanguageSide.open(next, this.#options, this.#scheduler);
    } catch (error) {
      next.release();
      throw error;
    }
    for (const [id, title] of [...this.#overlay.items]) {
      if (next.items.indexOf(id) < 0) next.addItem(id, title);
      await turn();
    }
    const [before, spoke] = [this.#snapshot, this.#language];
    const forgotten = this.#overlay.forget(
      (user, item) => {
        const [row, index] = [next.users.indexOf(user), next.items.indexOf(item)];
        return row >= 0 && index >= 0 && next.seen(row).includes(index);
      },
      (item) => next.items.indexOf(item) >= 0,
    );
    for (const [id, title] of this.#overlay.items) next.addItem(id, title); // those that came meanwhile
    this.#snapshot = next;
    this.#language = language;
    this.#defaults = defaultsOf(this.#options, next);
    before.release();
    await forgotten;
    if (spoke !== language) await spoke?.release();
    return true;
  }

  /** Counters and sizes. */
  stats(): RecommenderStats {
    const { users, items } = this.#snapshot;
    return {
      snapshot: this.snapshot,
      users: users.size,
      items: items.size,
      running: this.#running,
      scheduler: this.#scheduler.stats(),
      languageModel: this.#language?.stats() ?? null,
    };
  }

  /** Refuses further requests, waits for those that run and frees everything. Twice is fine. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#scheduler.close();
    if (this.#running > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    await this.#reloading?.catch(() => {});
    this.#snapshot.release();
    await this.#language?.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new Llama4RecError("E_DISPOSED", "recommender: used after close()");
  }

  /** One request, on the snapshot and the language model that are current when it begins. */
  async #during<T>(work: (snapshot: Snapshot, language: LanguageSide | null) => Promise<T>): Promise<T> {
    this.#checkOpen();
    return this.#holding(this.#snapshot, this.#language, work);
  }

  /** Keeps both alive, and the recommender from closing, until the work is done. */
  async #holding<T>(
    snapshot: Snapshot,
    language: LanguageSide | null,
    work: (snapshot: Snapshot, language: LanguageSide | null) => Promise<T>,
  ): Promise<T> {
    snapshot.retain();
    language?.retain();
    this.#running++;
    try {
      return await work(snapshot, language);
    } finally {
      snapshot.release();
      void language?.release();
      if (--this.#running === 0) this.#idle?.();
    }
  }

  // Objects of every request are written out: V8 gives one that is spread a hidden class of its own, which only a full collection frees.

  /** What to look for; null where nothing is known of the person that the model knows. */
  #searchFor(
    asked: CheckedRequest,
    { query, items, extras, skipped }: Person,
    snapshot: Snapshot,
    mode = asked.mode,
  ): Search | null {
    if (skipped || query.items.length === 0) return null;
    const { k, candidates, exclude, allow, excludeSeen } = asked;
    const depth = mode === "conventional" ? k : Math.max(k, candidates);
    const left = snapshot.indicesOf(exclude);
    const allowed = allow === undefined ? null : snapshot.indicesOf(allow);
    const trained = snapshot.trained(left);
    return {
      snapshot,
      query,
      depth,
      k: Math.min(depth, snapshot.engine.itemCount),
      excluded: excludeSeen ? joined(snapshot.trained(items), trained) : trained,
      allowed: allowed === null ? null : snapshot.trained(allowed),
      extras: extrasFor(snapshot, left, allowed, excludeSeen ? extras : []),
    };
  }

  async #found(search: Search): Promise<Found> {
    const found = search.snapshot.engine.quick ? findNow(search) : await this.#batcher.find(search);
    return withExtraItems(found, search);
  }

  /** The list as both sides have it, where the language model has a part in it. */
  async #mixed(
    { mode, candidates, deadlineMs, signal }: CheckedRequest,
    person: Person,
    found: Found,
    { snapshot, language, begin }: Answering,
  ): Promise<MixedList> {
    const alpha = language?.weight(person, snapshot) ?? 0;
    const plain = (notRefined: NotRefined, asked = false): MixedList => ({
      found,
      alpha: 0,
      notRefined,
      asked,
    });
    const mixed = (scores: Float64Array, asked: boolean): MixedList => ({
      found: mixedList(found, scores, alpha),
      alpha,
      notRefined: null,
      asked,
    });
    if (mode === "conventional" || language === null || alpha === 0) return plain("off");
    if (found.items.length < 2) return plain("short");
    const items = found.items.slice(0, candidates);
    const said = language.said(person, items);
    if (said !== null) return mixed(said, false);
    if (mode === "offline") return plain("absent");
    const ask = (due: Due): Promise<Float64Array | NotRefined> => language.ask(person, items, snapshot, due);
    if (mode === "background") {
      // Kept for the next request, which a history of nobody does not have.
      if (person.key !== null) void this.#holding(snapshot, language, () => ask({ due: null }));
      return plain("pending");
    }
    const scores = await ask({ due: begin + deadlineMs, signal });
    return scores instanceof Float64Array ? mixed(scores, true) : plain(scores, true);
  }
}

/** What one request is answered by, and when it began. */
interface Answering {
  readonly snapshot: Snapshot;
  readonly language: LanguageSide | null;
  readonly begin: number;
}

/** A list with what the language model had to do with it. */
interface MixedList {
  readonly found: Found;
  readonly alpha: number;
  readonly notRefined: NotRefined | null;
  /** Whether it was asked for this very request. */
  readonly asked: boolean;
}

function defaultsOf(
  { mode = "conventional", unknown = "cold", deadlineMs = 50 }: RecommenderOptions,
  { manifest }: Snapshot,
): RequestDefaults {
  return { mode, unknown, deadlineMs, excludeSeen: manifest.excludeSeen };
}
