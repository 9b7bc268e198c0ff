import { Random } from "../../data/random.js";
import type { TrainView } from "../../data/trainView.js";
import type { LabelSet } from "../languageModel.js";
import { DIRECT_TEMPLATE } from "../prompts/direct.js";
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
import type { InstructionKind, InstructionTask, KindCounts, TaskMix } from "./mix.js";

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

/** Options of {@link InstructionSource}. */
export interface InstructionOptions {
  readonly mix: TaskMix;
  /** Labels of the answers; at least two. */
  readonly labels: LabelSet;
  /** What the conventional models say of rows they were not trained on; null: prompts go without. */
  readonly hints: HintReader | null;
  /** Newest items of a history in a prompt. Default 45. */
  readonly historyItems?: number;
  /** Candidates of a question with labels. Default 10. */
  readonly candidates?: number;
  /** Share of rows and questions with hints. Default .3. */
  readonly hintRate?: number;
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
  readonly #rated: boolean;
  readonly #liked: number;
  /** `[rowsPerEpoch x 2]`: user and part of the user's history. */
  readonly #places: Int32Array;
  #epoch = -1;
  #order = new Int32Array();

  constructor(view: TrainView, options: InstructionOptions) {
    this.#view = view;
    this.#options = { historyItems: 45, candidates: 10, hintRate: 0.3, ...options };
    const { ratings } = view;
    this.#rated = ratings.some((rating) => rating !== ratings[0]);
    this.#liked = ratings.reduce((sum, rating) => sum + rating, 0) / Math.max(1, ratings.length);
    const places: number[] = [];
    for (const [user, count] of view.userCounts.entries())
      if (count >= 2)
        for (let part = 0; part < this.#parts(count); part++) places.push(user, part);
    this.#places = Int32Array.from(places);
    this.rowsPerEpoch = places.length / 2;
  }

  /** Row `number` of the endless sequence of rows, with so many questions of each kind. */
  row(number: number, questions: KindCounts): InstructionRow {
    const epoch = Math.floor(number / this.rowsPerEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = Int32Array.from({ length: this.rowsPerEpoch }, (_, place) => place);
      new Random(this.#options.seed, epoch).shuffle(this.#order);
    }
    const place = this.#order[number % this.rowsPerEpoch];
    const random = new Random(this.#options.seed, 2 ** 32 + number);
    const [user, part] = this.#places.subarray(2 * place, 2 * place + 2);
    return this.#rowAt(user, this.#moment(user, part, random), questions, random);
  }

  /** A row about an item outside the view: the whole history, which title comes next, and it against two others. */
  heldOut(user: number, target: number, random: Random): InstructionRow {
    const view = this.#view;
    const end = view.offsets[user + 1];
    const writer = new QuestionWriter(view, user, end, this.#options, this.#liked, random);
    return {
      user,
      history: this.#items(Math.max(view.offsets[user], end - this.#options.historyItems), end),
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

  #rowAt(user: number, moment: number, questions: KindCounts, random: Random): InstructionRow {
    const { historyItems, hints, hintRate } = this.#options;
    const view = this.#view;
    const start = view.offsets[user];
    const next = start + moment;
    const writer = new QuestionWriter(view, user, next, this.#options, this.#liked, random);
    const similar = hints !== null && random.next() < hintRate ? hints.similarUser(user, next) : null;
    return {
      user,
      history: this.#items(Math.max(start, next - historyItems), next),
      similar:
        similar === null
          ? []
          : this.#items(
              Math.max(view.offsets[similar], view.offsets[similar + 1] - historyItems),
              view.offsets[similar + 1],
            ),
      instructions: writer.write(questions),
    };
  }

  /** Interactions `from .. to` as a prompt shows them. */
  #items(from: number, to: number): PromptItem[] {
    const { titles, items, ratings } = this.#view;
    return Array.from({ length: to - from }, (_, i) => ({
      title: titles[items[from + i]],
      rating: this.#rated ? ratings[from + i] : undefined,
    }));
  }
}

/** The text before the questions of a row. */
export function prefixText({ history, similar }: InstructionRow): string {
  return listText(HEADINGS.history, history) + listText(HEADINGS.similarUser, similar);
}

/** Writes the questions about one user at one moment. */
class QuestionWriter {
  readonly #view: TrainView;
  readonly #user: number;
  /** Index of the first interaction to come. */
  readonly #next: number;
  readonly #end: number;
  readonly #options: Required<InstructionOptions>;
  readonly #random: Random;
  /** Interactions to come that the user liked. */
  readonly #liked: readonly number[];

  constructor(
    view: TrainView,
    user: number,
    next: number,
    options: Required<InstructionOptions>,
    liked: number,
    random: Random,
  ) {
    this.#view = view;
    this.#user = user;
    this.#next = next;
    this.#end = view.offsets[user + 1];
    this.#options = options;
    this.#random = random;
    this.#liked = Array.from({ length: this.#end - next }, (_, i) => next + i).filter(
      (at) => view.ratings[at] >= liked,
    );
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
    return [
      { task, kind: "title", question: titleQuestion(templates[task]), answer },
      ...others.map((other) => this.#pair(task, target, other)),
    ];
  }

  /** A question about what the user took up later; null where there is nothing to ask about. */
  #ranking(task: InstructionTask, kind: "title" | "choose" | "compare", index: number): Instruction | null {
    const at = task === "direct" ? this.#later() : this.#near(index);
    if (at === null) return null;
    if (kind === "title") return this.#title(task, at);
    const count = kind === "compare" ? 1 : this.#options.candidates - 1;
    const others = this.#unseen(Math.min(count, this.#options.labels.names.length - 1), this.#random.below(2) === 0);
    if (others.length === 0) return null;
    return kind === "compare"
      ? this.#pair(task, this.#view.items[at], others[0])
      : this.#choice(task, at, others);
  }

  #title(task: InstructionTask, at: number): Instruction {
    const template = templates[task];
    const target = this.#view.items[at];
    const hint = this.#hinted() ? this.#prediction(task, at, [target, ...this.#unseen(9, true)]) : "";
    const answer = titleText(this.#view.titles[target]);
    return { task, kind: "title", question: hint + titleQuestion(template), answer };
  }

  #choice(task: InstructionTask, at: number, others: readonly number[]): Instruction {
    const { labels } = this.#options;
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

  #pair(task: InstructionTask, target: number, other: number): Instruction {
    const { lead, names } = this.#options.labels;
    const { titles } = this.#view;
    const first = this.#random.below(2);
    const [good, bad] = [titles[target], titles[other]];
    return {
      task,
      kind: "compare",
      question: pairQuestion(templates[task], this.#options.labels, first === 0 ? [good, bad] : [bad, good]),
      answer: lead + names[first],
      rejected: lead + names[1 - first],
    };
  }

  #ratings(count: number): Instruction[] {
    const { items, titles, ratings } = this.#view;
    const coming = Array.from({ length: this.#end - this.#next }, (_, i) => this.#next + i);
    const chosen = this.#random.shuffle(coming).slice(0, count);
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
    const order = [...candidates.keys()].sort((a, b) => scores[b] - scores[a] || candidates[a] - candidates[b]);
    const titles = order.slice(0, PREDICTED).map((place) => this.#view.titles[candidates[place]]);
    return listText(HEADINGS.prediction, titles);
  }

  #hinted(): boolean {
    return this.#options.hints !== null && this.#random.next() < this.#options.hintRate;
  }

  /** A liked interaction to come. */
  #later(): number | null {
    return this.#liked.length === 0 ? null : this.#liked[this.#random.below(this.#liked.length)];
  }

  /** The next interaction, or for later questions one of the next few: their order says little. */
  #near(index: number): number {
    return this.#next + (index % 2 === 0 ? 0 : this.#random.below(Math.min(NEAR, this.#end - this.#next)));
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
