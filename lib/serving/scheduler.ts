import { noAnswer } from "../llm/attempt.js";
import type { NoAnswer, NoAnswerReason } from "../llm/languageModel.js";
import { onAbort } from "../native/asyncCall.js";
import { argumentError } from "../native/errors.js";

/** Work of the language model. */
export interface LanguageJob<T> {
  /** Whose it is: nobody has more than their share of those that wait. */
  readonly owner: unknown;
  /** When it must be done, on the clock of `performance.now()`; null: whenever there is nothing else to do. */
  readonly due: number | null;
  readonly signal?: AbortSignal;
  /** @param milliseconds That it may take; null: as it likes. */
  work(milliseconds: number | null): Promise<T | NoAnswer>;
}

/** Why a job was not done. */
export type NotDone = "shed" | "open" | NoAnswerReason;

/** What became of a job. */
export type Outcome<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly why: NotDone };

/** What the scheduler knows of itself. */
export interface SchedulerStats {
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  readonly notDone: Readonly<Record<NotDone, number>>;
  /** Smoothed milliseconds of a job. */
  readonly milliseconds: number;
  /** Whether the language model is left alone for a while. */
  readonly open: boolean;
}

/** How the language model is shared by requests. */
export interface SchedulerOptions {
  /**
   * Jobs at a time: as many as the model does at a time. Default 1. Where there are more, one is kept free of jobs without a
   * due time.
   */
  readonly lanes?: number;
  /** Jobs without a due time that wait at most; default 1,000. */
  readonly mostBackground?: number;
  /** Jobs of one owner that wait at most; default 2. */
  readonly mostOfOwner?: number;
  /** Faults in a row after which the model is left alone; default 5. */
  readonly faults?: number;
  /** Milliseconds for which it is; default 5,000. Then one job is tried. */
  readonly pauseMs?: number;
}

interface Entry {
  readonly owner: unknown;
  readonly due: number | null;
  readonly signal: AbortSignal | undefined;
  readonly run: (milliseconds: number | null) => Promise<Ended>;
  /** No longer waits: its timer and listener are gone. */
  leave(): void;
  readonly refuse: (why: NotDone) => void;
}

/** What a job came to; `settle` tells whoever waits for it. */
interface Ended {
  readonly fault: boolean;
  readonly answered: boolean;
  settle(): void;
}

/** How much newer jobs weigh in the smoothed time. */
const smoothing = 0.1;
/** Jobs with a due time that wait at most. */
const mostUrgent = 1000;
/** A job is let in when the time that is left is this many times what it and those before it should take. */
const caution = 1.25;

/**
 * Decides when the language model does what. Jobs that are due first go first; one that cannot be done in time is refused at
 * once, so that its request has its answer without waiting and those let in are done in time, however many are offered.
 * Background jobs fill the rest. After a row of faults the model is left alone for a while.
 */
export class Scheduler {
  readonly #options: Required<SchedulerOptions>;
  /** By due time. */
  readonly #urgent: Entry[] = [];
  readonly #background: Entry[] = [];
  readonly #ends = new Set<number>();
  #backgroundRunning = 0;
  #milliseconds = 0;
  #faults = 0;
  #openUntil = 0;
  #done = 0;
  #closed = false;
  readonly #notDone: Record<NotDone, number> = {
    shed: 0,
    open: 0,
    fault: 0,
    timeout: 0,
    invalid: 0,
    "too-long": 0,
    aborted: 0,
  };

  constructor(options: SchedulerOptions = {}) {
    const { lanes = 1, mostBackground = 1000, mostOfOwner = 2, faults = 5, pauseMs = 5000 } = options;
    this.#options = { lanes, mostBackground, mostOfOwner, faults, pauseMs };
    for (const [name, value] of Object.entries(this.#options))
      if (!Number.isInteger(value) || value < (name === "mostBackground" || name === "pauseMs" ? 0 : 1))
        throw argumentError(`scheduler.${name}`, "an integer above 0", value);
  }

  /** Does a job, or says why not; never rejects. */
  do<T>({ owner, due, signal, work }: LanguageJob<T>): Promise<Outcome<T>> {
    return new Promise((resolve) => {
      const refuse = (why: NotDone): void => {
        this.#notDone[why]++;
        resolve({ done: false, why });
      };
      const run = async (milliseconds: number | null): Promise<Ended> => {
        const value = await work(milliseconds).catch((error: unknown) => noAnswer("fault", String(error)));
        if (!isNoAnswer(value))
          return { answered: true, fault: false, settle: () => resolve({ done: true, value }) };
        const { reason } = value;
        const fault = reason === "fault" || reason === "invalid";
        return { answered: false, fault, settle: () => refuse(reason) };
      };
      this.#admit({ owner, due, signal, run, refuse, leave: () => {} });
    });
  }

  /** Refuses all that waits and all that comes. */
  close(): void {
    this.#closed = true;
    for (const { leave, refuse } of [...this.#urgent.splice(0), ...this.#background.splice(0)]) {
      leave();
      refuse("aborted");
    }
  }

  stats(): SchedulerStats {
    return {
      waiting: this.#urgent.length + this.#background.length,
      running: this.#ends.size,
      done: this.#done,
      notDone: { ...this.#notDone },
      milliseconds: this.#milliseconds,
      open: this.#openUntil > performance.now(),
    };
  }

  #admit(entry: Entry): void {
    const why = this.#objection(entry);
    if (why !== null) {
      entry.refuse(why);
      return;
    }
    if (entry.due === null) this.#background.push(entry);
    else this.#urgent.splice(placeOf(this.#urgent, entry.due), 0, entry);
    this.#next();
    this.#wait(entry);
  }

  /** Refuses a job that waits when it is due or aborted, whatever those that run are doing. */
  #wait(entry: Entry): void {
    const { due, signal, refuse } = entry;
    const queue = due === null ? this.#background : this.#urgent;
    if (!queue.includes(entry)) return; // it runs
    const drop = (why: NotDone): void => {
      const place = queue.indexOf(entry);
      if (place < 0) return;
      queue.splice(place, 1);
      entry.leave();
      refuse(why);
    };
    const timer =
      due === null ? undefined : setTimeout(() => drop("timeout"), Math.max(0, due - performance.now()));
    const forget = signal === undefined ? undefined : onAbort(signal, () => drop("aborted"));
    entry.leave = () => {
      clearTimeout(timer);
      forget?.();
    };
  }

  /** Why a job may not wait; null where it may. */
  #objection({ due, owner, signal }: Entry): NotDone | null {
    const { mostBackground, mostOfOwner } = this.#options;
    const now = performance.now();
    if (this.#closed || signal?.aborted) return "aborted";
    if (now < this.#openUntil) return "open";
    const queue = due === null ? this.#background : this.#urgent;
    if (queue.filter((other) => other.owner === owner).length >= mostOfOwner) return "shed";
    if (due === null) return queue.length >= mostBackground ? "shed" : null;
    if (now >= due) return "timeout";
    if (queue.length >= mostUrgent) return "shed";
    if (this.#ends.size === 0) return null; // an idle model tries, or a slow moment would be believed for ever
    const until = this.#timeUntilDone(placeOf(queue, due), now);
    return now + caution * until > due ? "shed" : null;
  }

  /** Milliseconds until a job at this place of the urgent ones should be done. */
  #timeUntilDone(place: number, now: number): number {
    const { lanes } = this.#options;
    let running = 0;
    for (const end of this.#ends) running += Math.max(0, end - now);
    const busy = this.#ends.size < lanes ? 0 : running;
    return (busy + place * this.#milliseconds) / lanes + this.#milliseconds;
  }

  #next(): void {
    while (this.#ends.size < this.#options.lanes) {
      const entry = this.#urgent.shift() ?? this.#nextBackground();
      if (entry === undefined) return;
      entry.leave();
      const now = performance.now();
      if (entry.signal?.aborted) entry.refuse("aborted");
      else if (entry.due !== null && now >= entry.due) entry.refuse("timeout");
      else void this.#run(entry, now);
    }
  }

  #nextBackground(): Entry | undefined {
    const most = Math.max(1, this.#options.lanes - 1);
    return this.#backgroundRunning < most ? this.#background.shift() : undefined;
  }

  async #run({ due, run }: Entry, begin: number): Promise<void> {
    if (due === null) this.#backgroundRunning++;
    let end = begin + this.#milliseconds;
    while (this.#ends.has(end)) end += 1e-6; // of another lane
    this.#ends.add(end);
    const { answered, fault, settle } = await run(due === null ? null : Math.max(1, due - begin));
    this.#ends.delete(end);
    if (due === null) this.#backgroundRunning--;
    const took = performance.now() - begin;
    this.#milliseconds += (this.#milliseconds === 0 ? 1 : smoothing) * (took - this.#milliseconds);
    if (answered) {
      this.#done++;
      this.#faults = 0;
    } else if (fault && ++this.#faults >= this.#options.faults) {
      this.#openUntil = performance.now() + this.#options.pauseMs;
      this.#faults = this.#options.faults - 1; // the next one decides
    }
    settle();
    this.#next();
  }
}

/** Where a job that is due then goes: behind those that are due no later. */
function placeOf(queue: readonly Entry[], due: number): number {
  let place = queue.length;
  while (place > 0 && (queue[place - 1].due ?? 0) > due) place--;
  return place;
}

const isNoAnswer = (value: unknown): value is NoAnswer =>
  typeof value === "object" && value !== null && "answered" in value && value.answered === false;
