import { Random } from "../../data/random.js";
import type { TrainView } from "../../data/trainView.js";
import type { LabelSet } from "../languageModel.js";
import { DIRECT_TEMPLATE } from "../prompts/direct.js";
import { historyOf, promptItems } from "../prompts/history.js";
import { RATING_TEMPLATE } from "../prompts/rating.js";
import {
  choiceQuestion,
  listText,
  type PromptItem,
  pairQuestion,
  rateQuestion,
  ratingText,
  titleQuestion,
  titleText,
} from "../prompts/render.js";
import { SEQUENTIAL_TEMPLATE } from "../prompts/sequential.js";
import { HEADINGS, type PromptTemplate } from "../prompts/template.js";
import type { HintReader } from "./hints.js";
import type { InstructionKind, InstructionTask, KindCounts, TaskMix, TuningStage } from "./mix.js";
import { STREAMS } from "./streams.js";

/** One question about a user and what is to be answered. */
export interface Instruction {
  readonly task: InstructionTask;
  readonly kind: InstructionKind;
  /** Follows the user's lists. */
  readonly question: string;
  readonly answer: string;
  /** The answer that is wrong, where there is one. */
  readonly rejected?: string;
}

/** A user's lists as prompts show them, and questions that all continue them, independent of each other. */
export interface InstructionRow {
  readonly user: number;
  /** What the user had at that moment, oldest first. */
  readonly history: readonly PromptItem[];
  /** The list of the most similar user; empty where the prompt goes without. */
  readonly similar: readonly PromptItem[];
  readonly instructions: readonly Instruction[];
}

/** What a row asks, and how often it shows hints. */
export type RowPlan = Pick<TuningStage, "questions" | "hintRate">;

/** Options of {@link InstructionSource}. */
export interface InstructionOptions {
  readonly mix: TaskMix;
  /** Labels of the answers; null: no questions that are answered by a label. */
  readonly labels: LabelSet | null;
  /** What the conventional models say of rows they were not trained on; null: prompts go without. */
  readonly hints: HintReader | null;
  /** Newest items of a history in a prompt. Default 45. */
  readonly historyItems?: number;
  /** Candidates of a question with labels. Default 10. */
  readonly candidates?: number;
  readonly seed: number;
}

const templates: Readonly<Record<InstructionTask, PromptTemplate>> = {
  direct: DIRECT_TEMPLATE,
  sequential: SEQUENTIAL_TEMPLATE,
  rating: RATING_TEMPLATE,
};
/** Items after the moment of a prompt that count as near: answers of pair questions come from them. */
const NEAR = 8;
/** Titles that a hint names. */
const PREDICTED = 5;
/** Draws after which no unseen item is looked for any more. */
const DRAWS = 64;

/**
 * Writes instructions from training rows: a moment in a user's history, what the prompt then shows, and questions whose
 * answers came later. Hints come from models that have not seen the row asked about. The same seed and row number give
 * the same row.
 */
export class InstructionSource {
  /** Rows of one pass over all histories. */
  readonly rowsPerEpoch: number;
  readonly #view: TrainView;
  readonly #options: Required<InstructionOptions>;
  readonly #liked: number;
  /** `[rowsPerEpoch x 2]`: user and part of the user's history. */
  readonly #places: Int32Array;
  #epoch = -1;
  #order = new Int32Array();

  constructor(view: TrainView, options: InstructionOptions) {
    this.#view = view;
    this.#options = { historyItems: 45, candidates: 10, ...options };
    const { ratings } = view;
    this.#liked = ratings.reduce((sum, rating) => sum + rating, 0) / Math.max(1, ratings.length);
    const places: number[] = [];
    for (const [user, count] of view.userCounts.entries())
      if (count >= 2) for (let part = 0; part < this.#parts(count); part++) places.push(user, part);
    this.#places = Int32Array.from(places);
    this.rowsPerEpoch = places.length / 2;
  }

  /** Row `number` of the endless sequence of rows. */
  row(number: number, plan: RowPlan): InstructionRow {
    const epoch = Math.floor(number / this.rowsPerEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = Int32Array.from({ length: this.rowsPerEpoch }, (_, place) => place);
      new Random(this.#options.seed, STREAMS.epochs + epoch).shuffle(this.#order);
    }
    const place = this.#order[number % this.rowsPerEpoch];
    const random = new Random(this.#options.seed, STREAMS.rows + number);
    const [user, part] = this.#places.subarray(2 * place, 2 * place + 2);
    return this.#rowAt(user, this.#moment(user, part, random), plan, random);
  }

  /** A row about an item outside the view: the whole history, which title comes next, and it against two others. */
  heldOut(user: number, target: number, random: Random): InstructionRow {
    const view = this.#view;
    const end = view.offsets[user + 1];
    const writer = new QuestionWriter(
      view,
      user,
      end,
      () => true,
      { ...this.#options, hintRate: 0 },
      this.#liked,
      random,
    );
    return {
      user,
      history: historyOf(view, user, this.#options.historyItems),
      similar: [],
      instructions: writer.about(target),
    };
  }

  #parts(count: number): number {
    return Math.ceil(count / this.#options.historyItems);
  }

  /** How many items the user has at the moment of a prompt: at least 1, and one to come. */
  #moment(user: number, part: number, random: Random): number {
    const count = this.#view.userCounts[user];
    const parts = this.#parts(count);
    const low = Math.max(1, Math.floor((count * part) / parts));
    const high = Math.max(low + 1, Math.min(count, Math.floor((count * (part + 1)) / parts)));
    return low + random.below(high - low);
  }

  #rowAt(user: number, moment: number, { questions, hintRate }: RowPlan, random: Random): InstructionRow {
    const { historyItems, hints } = this.#options;
    const view = this.#view;
    const start = view.offsets[user];
    const next = start + moment;
    const similar = hints !== null && random.next() < hintRate ? hints.similarUser(user, next) : null;
    // Who is similar comes from a model that did not see `next`; it may have seen what is in other folds.
    const asked = (at: number): boolean => similar === null || hints === null || hints.sameFold(at, next);
    const writer = new QuestionWriter(
      view,
      user,
      next,
      asked,
      { ...this.#options, hintRate },
      this.#liked,
      random,
    );
    return {
      user,
      history: promptItems(view, Math.max(start, next - historyItems), next),
      similar: similar === null ? [] : historyOf(view, similar, historyItems),
      instructions: writer.write(questions),
    };
  }
}

/** The text before the questions of a row. */
export function prefixText({ history, similar }: InstructionRow): string {
  return listText(HEADINGS.history, history) + listText(HEADINGS.similarUser, similar);
}

type WriterOptions = Required<InstructionOptions> & Pick<RowPlan, "hintRate">;

/** Writes the questions about one user at one moment. */
class QuestionWriter {
  readonly #view: TrainView;
  readonly #user: number;
  /** Index of the first interaction to come. */
  readonly #next: number;
  readonly #options: WriterOptions;
  readonly #random: Random;
  /** Interactions to come that may be asked about, in order; of these the near ones, and those that the user liked. */
  readonly #coming: readonly number[];
  readonly #near: readonly number[];
  readonly #liked: readonly number[];

  constructor(
    view: TrainView,
    user: number,
    next: number,
    asked: (at: number) => boolean,
    options: WriterOptions,
    liked: number,
    random: Random,
  ) {
    this.#view = view;
    this.#user = user;
    this.#next = next;
    this.#options = options;
    this.#random = random;
    const left = view.offsets[user + 1] - next;
    this.#coming = Array.from({ length: left }, (_, i) => next + i).filter(asked);
    this.#near = this.#coming.filter((at) => at < next + NEAR);
    this.#liked = this.#coming.filter((at) => view.ratings[at] >= liked);
  }

  write(questions: KindCounts): Instruction[] {
    const { direct, sequential, rating } = this.#options.mix;
    const written: (Instruction | null)[] = [];
    const tasks: readonly InstructionTask[] = ["direct", "sequential"];
    for (const kind of ["title", "choose", "compare"] as const)
      for (let i = 0; i < questions[kind] && direct + sequential > 0; i++) {
        const task = tasks[this.#random.next() * (direct + sequential) < direct ? 0 : 1];
        written.push(this.#ranking(task, kind, i));
      }
    if (rating > 0) written.push(...this.#ratings(questions.rate));
    return written.filter((instruction) => instruction !== null);
  }

  /** Questions about one item. */
  about(target: number): Instruction[] {
    const task = this.#options.mix.sequential > 0 ? "sequential" : "direct";
    const others = [...this.#unseen(1, false), ...this.#unseen(1, true)].filter((item) => item !== target);
    const answer = titleText(this.#view.titles[target]);
    const { labels } = this.#options;
    return [
      { task, kind: "title", question: titleQuestion(templates[task]), answer },
      ...(labels === null ? [] : others.map((other) => this.#pair(task, labels, target, other))),
    ];
  }

  /** A question about what the user took up later; null where there is nothing to ask about. */
  #ranking(task: InstructionTask, kind: "title" | "choose" | "compare", index: number): Instruction | null {
    const at = task === "direct" ? this.#later() : this.#soon(index);
    if (at === null) return null;
    if (kind === "title") return this.#title(task, at);
    const { labels, candidates } = this.#options;
    if (labels === null) return null;
    const count = kind === "compare" ? 1 : Math.min(candidates, labels.names.length) - 1;
    const others = this.#unseen(count, this.#random.below(2) === 0);
    if (others.length === 0) return null;
    return kind === "compare"
      ? this.#pair(task, labels, this.#view.items[at], others[0])
      : this.#choice(task, labels, at, others);
  }

  #title(task: InstructionTask, at: number): Instruction {
    const template = templates[task];
    const target = this.#view.items[at];
    const hint = this.#hinted() ? this.#prediction(task, at, this.#recommendable()) : "";
    const answer = titleText(this.#view.titles[target]);
    return { task, kind: "title", question: hint + titleQuestion(template), answer };
  }

  #choice(task: InstructionTask, labels: LabelSet, at: number, others: readonly number[]): Instruction {
    const target = this.#view.items[at];
    const candidates = this.#random.shuffle([target, ...others]);
    const hint = this.#hinted() ? this.#prediction(task, at, candidates) : "";
    const titles = candidates.map((item) => this.#view.titles[item]);
    return {
      task,
      kind: "choose",
      question: hint + choiceQuestion(templates[task], labels, titles),
      answer: labels.lead + labels.names[candidates.indexOf(target)],
    };
  }

  #pair(task: InstructionTask, labels: LabelSet, target: number, other: number): Instruction {
    const { lead, names } = labels;
    const { titles } = this.#view;
    const first = this.#random.below(2);
    const [good, bad] = [titles[target], titles[other]];
    return {
      task,
      kind: "compare",
      question: pairQuestion(templates[task], labels, first === 0 ? [good, bad] : [bad, good]),
      answer: lead + names[first],
      rejected: lead + names[1 - first],
    };
  }

  #ratings(count: number): Instruction[] {
    const { items, titles, ratings } = this.#view;
    const chosen = this.#random.shuffle([...this.#coming]).slice(0, count);
    return chosen.map((at) => {
      const { hints } = this.#options;
      const expected = this.#hinted() ? (hints?.expectedRating(at) ?? undefined) : undefined;
      const question = rateQuestion(RATING_TEMPLATE, titles[items[at]], expected);
      return { task: "rating", kind: "rate", question, answer: ratingText(ratings[at]) };
    });
  }

  /** What a model that has not seen interaction `at` would put first among the candidates. */
  #prediction(task: InstructionTask, at: number, candidates: readonly number[]): string {
    const { hints } = this.#options;
    const begun = this.#view.items.subarray(this.#view.offsets[this.#user], this.#next);
    const scores =
      (task === "sequential" ? hints?.sequenceScores(this.#user, begun, candidates) : null) ??
      hints?.foldScores(this.#user, at, candidates);
    if (scores === null || scores === undefined) return "";
    const order = [...candidates.keys()].sort(
      (a, b) => scores[b] - scores[a] || candidates[a] - candidates[b],
    );
    const titles = order.slice(0, PREDICTED).map((place) => this.#view.titles[candidates[place]]);
    return listText(HEADINGS.prediction, titles);
  }

  /** All items but those that the prompt's user has by now: what a backbone would choose from. */
  #recommendable(): number[] {
    const { items, offsets, itemCount } = this.#view;
    const had = new Set(items.subarray(offsets[this.#user], this.#next));
    return Array.from({ length: itemCount }, (_, item) => item).filter((item) => !had.has(item));
  }

  #hinted(): boolean {
    return this.#options.hints !== null && this.#random.next() < this.#options.hintRate;
  }

  /** A liked interaction to come. */
  #later(): number | null {
    return this.#liked.length === 0 ? null : this.#liked[this.#random.below(this.#liked.length)];
  }

  /** The next interaction, or for every other question one of the next few: their order says little. */
  #soon(index: number): number {
    return index % 2 === 0 ? this.#next : this.#near[this.#random.below(this.#near.length)];
  }

  /** Different items that the user has not in training, drawn by popularity or uniformly. */
  #unseen(count: number, popular: boolean): number[] {
    const { items, itemCount } = this.#view;
    const found: number[] = [];
    for (let draw = 0; draw < DRAWS * count && found.length < count; draw++) {
      const item = popular ? items[this.#random.below(items.length)] : this.#random.below(itemCount);
      if (!this.#view.has(this.#user, item) && !found.includes(item)) found.push(item);
    }
    return found;
  }
}
