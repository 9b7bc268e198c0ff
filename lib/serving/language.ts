import { adaptiveWeight, longTailCoefficient } from "../aggregation/weight.js";
import type { LanguageModel, ModelStats } from "../llm/languageModel.js";
import type { Person } from "./person.js";
import { RefinedLists } from "./refinedLists.js";
import { refinementOf } from "./refinement.js";
import type { Scheduler } from "./scheduler.js";
import type { Snapshot } from "./snapshot.js";
import type { NotRefined } from "./types.js";

/** Milliseconds after which a list that nobody waits for is given up. */
const backgroundMs = 10_000;

/** Lists that it orders before the first request, and of how many items their histories are. */
const warmRounds = 4;
const warmItems = 50;

/** Which language model, and where its answers are kept. */
export interface LanguageOptions {
  /** Default: the folder's own; `false`: none; or one of the caller's, who also disposes of it. */
  readonly languageModel?: false | LanguageModel;
  readonly cacheFolder?: string;
}

/** When an order of candidates is due, on the clock of `performance.now()`; null: whenever. */
export interface Due {
  readonly due: number | null;
  readonly signal?: AbortSignal;
}

/** The language model beside a recommender: what it weighs, what it said before, and asking it. */
export class LanguageSide {
  readonly #model: LanguageModel;
  readonly #owned: boolean;
  readonly #refiner: typeof import("./refiner.js");
  readonly #scheduler: Scheduler;
  readonly #lists = new RefinedLists();
  #leases = 1;
  /** Of the folder's file; null for the caller's model. */
  readonly sha256: string | null;

  private constructor(
    model: LanguageModel,
    sha256: string | null,
    refiner: typeof import("./refiner.js"),
    scheduler: Scheduler,
  ) {
    this.#model = model;
    this.#owned = sha256 !== null;
    this.sha256 = sha256;
    this.#refiner = refiner;
    this.#scheduler = scheduler;
  }

  /**
   * Loads the language model of a snapshot; what it takes is imported here, and not by those who have none.
   * @returns Null where there is none.
   * @throws Llama4RecError as `loadLanguageModel`.
   */
  static async open(
    snapshot: Snapshot,
    { languageModel, cacheFolder }: LanguageOptions,
    scheduler: Scheduler,
  ): Promise<LanguageSide | null> {
    const { languageModelPath: modelPath, manifest } = snapshot;
    const sha256 = manifest.languageModel?.sha256 ?? null;
    const none = languageModel === false || (languageModel === undefined && sha256 === null);
    if (none || manifest.mixing === null) return null;
    const [refiner, { loadLanguageModel }, { checked }] = await Promise.all([
      import("./refiner.js"),
      import("../llm/load.js"),
      import("../llm/checks.js"),
    ]);
    if (languageModel !== undefined)
      return new LanguageSide(checked(languageModel), null, refiner, scheduler);
    if (modelPath === null || sha256 === null) return null;
    const model = checked(await loadLanguageModel({ modelPath, sha256, cacheFolder }));
    const side = new LanguageSide(model, sha256, refiner, scheduler);
    await side.#warmUp(snapshot);
    return side;
  }

  /** Has a few lists ordered that nobody asked for: what is compiled on the way then stands ready for the first request. */
  async #warmUp(snapshot: Snapshot): Promise<void> {
    const titles = Array.from(snapshot.popular.subarray(0, warmItems), (item) => snapshot.titleAt(item));
    const { mixing } = snapshot.manifest;
    if (mixing === null || titles.length < 2) return;
    for (let round = 0; round < warmRounds; round++) {
      const told = { history: titles.slice(round), candidates: titles.slice(0, 10), scale: snapshot.scale };
      await this.#refiner.askedScores(this.#model, told, mixing, backgroundMs).catch(() => {});
    }
  }

  /** alpha_u (Llama4Rec, Eq. 7). */
  weight({ interactions }: Person, { manifest: { mixing }, userCounts }: Snapshot): number {
    return mixing === null ? 0 : adaptiveWeight(longTailCoefficient(interactions), userCounts, mixing);
  }

  /** What it said of these items to this very person; null where it was not asked about all of them. */
  said({ key, version }: Person, items: Int32Array): Float64Array | null {
    return key === null ? null : this.#lists.scores(key, version, items);
  }

  /** Its scores of candidates, in their order, which are kept; or why there are none. Never rejects. */
  async ask(
    person: Person,
    items: Int32Array,
    snapshot: Snapshot,
    { due, signal }: Due,
  ): Promise<Float64Array | NotRefined> {
    const { mixing } = snapshot.manifest;
    if (mixing === null) return "off";
    if (items.length < 2) return "short";
    const outcome = await this.#scheduler.do<Float64Array>({
      owner: person.key ?? person,
      due,
      signal,
      work: async (milliseconds) =>
        this.#refiner.askedScores(
          this.#model,
          refinementOf(person, items, snapshot),
          mixing,
          milliseconds ?? backgroundMs,
          signal,
        ),
    });
    if (!outcome.done) return outcome.why;
    if (person.key !== null) this.#lists.keep(person.key, person.version, items, outcome.value);
    return outcome.value;
  }

  /** The text that it is shown; null where there is nothing to order. */
  prompt(person: Person, items: Int32Array, snapshot: Snapshot): string | null {
    const { mixing } = snapshot.manifest;
    if (mixing === null || items.length < 2) return null;
    return this.#refiner.promptOf(this.#model, refinementOf(person, items, snapshot), mixing);
  }

  stats(): ModelStats {
    return this.#model.stats();
  }

  /** Takes a lease, given back by {@link LanguageSide.release}. */
  retain(): void {
    this.#leases++;
  }

  /** Gives a lease back; with the last one a model of the folder's is freed, and the caller's own lives on. */
  async release(): Promise<void> {
    if (--this.#leases === 0 && this.#owned) await this.#model.dispose();
  }
}
