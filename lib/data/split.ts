import { argumentError } from "../native/errors.js";
import type { Dataset, Interactions } from "./dataset.js";
import { digestOf } from "./digest.js";
import { HeldOut } from "./heldOut.js";
import { Random } from "./random.js";
import { TrainView } from "./trainView.js";

/**
 * How held-out rows are chosen and masked.
 *
 * `paper`: likes only; when ranking, training items are masked (in the sequential task nothing is) and the validation item
 * is neither masked nor input.
 * `standard`: all interactions, or likes when asked; for the test, validation items are masked too, and input.
 */
export type Protocol = "paper" | "standard";

/** Options of {@link split}. */
export interface SplitOptions {
  /** Default `paper`. */
  readonly protocol?: Protocol;
  /** Lowest rating that counts as a like; default the data set's own, `null`: every interaction. */
  readonly likeThreshold?: number | null;
  /** With `standard`: likes only. `paper` always is. Default false. */
  readonly likesOnly?: boolean;
  /**
   * Held-out rows of users with fewer training items than this are skipped; what they trained on stays. Default 1;
   * sequential models learn from steps and take 2.
   */
  readonly leastHistory?: number;
  /** For the order within a user where the data set has no timestamps. Default 0. */
  readonly seed?: number;
  /** What is held out. Default `leave-last-out`. */
  readonly holdOut?: HoldOut;
}

/**
 * `leave-last-out`: each user's last item is the test row, the one before it the validation row.
 *
 * `global-time`: one clock for all. What happened before eight tenths of the eligible interactions is training; a user's first
 * new item in the ninth tenth is the validation row, the first in the last tenth the test row. Nothing is learnt from what
 * others did later, which leave-last-out allows.
 */
export type HoldOut = "leave-last-out" | "global-time";

/** What became of users and rows in a {@link split}. */
export interface SplitCounts {
  /** Users with training rows. */
  readonly users: number;
  /** Users left out, rows and all: fewer than three eligible items. */
  readonly skippedShortUsers: number;
  /** Interactions that are no likes. */
  readonly skippedRatings: number;
  /** Repetitions of a user's item; the earliest counts. */
  readonly skippedRepeats: number;
  /** Validation rows left out: nobody has the item in training. */
  readonly skippedUnseenValidationItems: number;
  /** Test rows left out: nobody has the item in training. */
  readonly skippedUnseenTestItems: number;
  /** Test rows left out: the user has fewer training items than asked for. */
  readonly skippedShortHistories: number;
  /** Training interactions. */
  readonly trainRows: number;
  /** Rows that may choose. */
  readonly validationRows: number;
  /** The denominator of every metric on the test rows. */
  readonly testRows: number;
}

/** A data set taken apart: what may be learnt from, what may choose, and what is measured on. */
export interface Split {
  /** How it was made, and how rankings are masked. */
  readonly protocol: Protocol;
  /** What may be learnt from. */
  readonly train: TrainView;
  /**
   * What is known when the test is measured: input there, and masked where anything is. `paper`: the training view itself;
   * `standard`: training and validation items.
   */
  readonly final: TrainView;
  /** What may choose. */
  readonly validation: HeldOut;
  /** What is measured on, once. */
  readonly test: HeldOut;
  /** SHA-256 in hex over protocol, training, validation and test rows, their ratings among them. */
  readonly digest: string;
  /** What became of users and rows. */
  readonly counts: SplitCounts;
}

/** Fewest items of a user that takes part: one to train on, one for validation, one for the test. */
const FEWEST = 3;
/** Where the clock of all stands, as shares of the interactions: end of training, end of validation. */
const CLOCK = [0.8, 0.9] as const;

/**
 * Leave-one-out per user: the last item is the test row, the one before it the validation row, the rest is training; or, asked
 * for, one clock for all (see {@link HoldOut}).
 *
 * Items are in order of time, ties in file order. Without timestamps the order is a shuffle by the seed. An item a user
 * has more than once counts at its earliest. Users with fewer than three items are left out altogether, and held-out
 * rows whose item nobody has in training are skipped. By the clock, users without training items are left out.
 *
 * @throws Llama4RecError `E_ARGUMENT` when an option is bad, no user has three items, or a clock is asked for where there are
 *   no timestamps
 */
export function split(dataset: Dataset, options: SplitOptions = {}): Split {
  const { protocol = "paper", leastHistory = 1, seed = 0, holdOut = "leave-last-out" } = options;
  if (protocol !== "paper" && protocol !== "standard")
    throw argumentError("protocol", '"paper" or "standard"', protocol);
  if (!Number.isInteger(leastHistory) || leastHistory < 1)
    throw argumentError("leastHistory", "an integer of at least 1", leastHistory);
  if (holdOut !== "leave-last-out" && holdOut !== "global-time")
    throw argumentError("holdOut", '"leave-last-out" or "global-time"', holdOut);
  const lowest = lowestRating(dataset, options);

  const { interactions } = dataset;
  const userCount = dataset.users.size;
  const byUser = groupByUser(interactions, userCount, lowest);
  const cut = holdOut === "global-time" ? byClock(interactions, byUser.rows) : lastOut;
  const trainRows: Rows = { rows: [], offsets: new Int32Array(userCount + 1) };
  const finalRows: Rows = { rows: [], offsets: new Int32Array(userCount + 1) };
  const last: Target[] = [];
  const secondLast: Target[] = [];
  let skippedShortUsers = 0;
  let skippedRepeats = 0;
  for (let user = 0; user < userCount; user++) {
    const rows = byUser.rows.subarray(byUser.offsets[user], byUser.offsets[user + 1]);
    orderInTime(rows, interactions, seed, user);
    const ordered = firstOfEachItem(rows, interactions.items);
    skippedRepeats += rows.length - ordered.length;
    const parts = cut(ordered);
    if (parts === null) skippedShortUsers++;
    else {
      trainRows.rows.push(...parts.train);
      finalRows.rows.push(...parts.final);
      if (parts.validation !== undefined) secondLast.push(targetOf(interactions, user, parts.validation));
      if (parts.test !== undefined) last.push(targetOf(interactions, user, parts.test));
    }
    trainRows.offsets[user + 1] = trainRows.rows.length;
    finalRows.offsets[user + 1] = finalRows.rows.length;
  }
  if (last.length === 0)
    throw argumentError(
      "dataset",
      `a user with at least ${FEWEST} eligible items`,
      `none in ${dataset.name}`,
    );

  const train = viewOf(dataset, trainRows);
  const longEnough = ({ user }: Target): boolean => train.userCounts[user] >= leastHistory;
  const validationTargets = secondLast.filter(longEnough);
  const testTargets = last.filter(longEnough);
  const validation = heldOut("validation", validationTargets, train);
  const test = heldOut("test", testTargets, train);
  return {
    protocol,
    train,
    final: protocol === "standard" ? viewOf(dataset, finalRows) : train,
    validation,
    test,
    digest: digestOf([protocol, train.digest, ...columnsOf(validation), ...columnsOf(test)]),
    counts: {
      users: last.length,
      skippedShortUsers,
      skippedRatings: interactions.users.length - byUser.rows.length,
      skippedRepeats,
      skippedUnseenValidationItems: validationTargets.length - validation.users.length,
      skippedUnseenTestItems: testTargets.length - test.users.length,
      skippedShortHistories: last.length - testTargets.length,
      trainRows: trainRows.rows.length,
      validationRows: validation.users.length,
      testRows: test.users.length,
    },
  };
}

/**
 * All eligible interactions, nothing held out: what a model that serves is trained on once validation has chosen how.
 * In time order as in {@link split}, an item that a user has more than once at its earliest.
 *
 * @throws Llama4RecError `E_ARGUMENT` when an option is bad or nothing is eligible.
 */
export function wholeView(
  dataset: Dataset,
  options: Pick<SplitOptions, "protocol" | "likesOnly" | "likeThreshold" | "seed"> = {},
): TrainView {
  const { interactions } = dataset;
  const userCount = dataset.users.size;
  const byUser = groupByUser(interactions, userCount, lowestRating(dataset, options));
  const all: Rows = { rows: [], offsets: new Int32Array(userCount + 1) };
  for (let user = 0; user < userCount; user++) {
    const rows = byUser.rows.subarray(byUser.offsets[user], byUser.offsets[user + 1]);
    orderInTime(rows, interactions, options.seed ?? 0, user);
    for (const row of firstOfEachItem(rows, interactions.items)) all.rows.push(row);
    all.offsets[user + 1] = all.rows.length;
  }
  if (all.rows.length === 0)
    throw argumentError("dataset", "an eligible interaction", `none in ${dataset.name}`);
  return viewOf(dataset, all);
}

/** Rows with a lower rating than this take no part in a split. */
export function lowestRating(
  { likeThreshold: ofDataset }: Dataset,
  { protocol = "paper", likesOnly = false, likeThreshold = ofDataset }: SplitOptions,
): number {
  if (likeThreshold !== null && !Number.isFinite(likeThreshold))
    throw argumentError("likeThreshold", "a finite number or null", likeThreshold);
  return protocol === "paper" || likesOnly ? (likeThreshold ?? -Infinity) : -Infinity;
}

/** One user's rows taken apart; a held-out row there is none of is undefined. */
interface Cut {
  readonly train: Int32Array;
  readonly final: Int32Array;
  readonly validation: number | undefined;
  readonly test: number | undefined;
}

/** Takes a user's rows in order of time; null for a user who takes no part. */
type Cutter = (ordered: Int32Array) => Cut | null;

const lastOut: Cutter = (ordered) =>
  ordered.length < FEWEST
    ? null
    : {
        train: ordered.subarray(0, -2),
        final: ordered.subarray(0, -1),
        validation: ordered[ordered.length - 2],
        test: ordered[ordered.length - 1],
      };

/** Cuts by the time of all eligible rows together. */
function byClock({ timestamps }: Interactions, eligible: Int32Array): Cutter {
  if (timestamps === null)
    throw argumentError("holdOut", "leave-last-out, for the data has no timestamps", "global-time");
  const times = Float64Array.from(eligible, (row) => timestamps[row]).sort();
  const [end, later] = CLOCK.map((share) => times[Math.floor(share * times.length)]);
  return (ordered) => {
    const before = (time: number): Int32Array => ordered.filter((row) => timestamps[row] < time);
    const [train, final] = [before(end), before(later)];
    if (train.length === 0) return null;
    return {
      train,
      final,
      validation: final.length > train.length ? ordered[train.length] : undefined,
      test: ordered[final.length],
    };
  };
}

/** Row numbers of the data set by user: user u has `rows[offsets[u] .. offsets[u + 1])`. */
interface Rows {
  readonly rows: number[];
  readonly offsets: Int32Array;
}

function viewOf(dataset: Dataset, { rows, offsets }: Rows): TrainView {
  const { items, ratings } = dataset.interactions;
  return new TrainView({
    userCount: dataset.users.size,
    itemCount: dataset.items.size,
    offsets,
    items: Int32Array.from(rows, (row) => items[row]),
    ratings: Float32Array.from(rows, (row) => ratings[row]),
    titles: [...dataset.titles],
    itemAttributes: { ...dataset.itemAttributes },
    userAttributes: { ...dataset.userAttributes },
  });
}

interface Target {
  readonly user: number;
  readonly item: number;
  readonly rating: number;
}

const targetOf = ({ items, ratings }: Interactions, user: number, row: number): Target => ({
  user,
  item: items[row],
  rating: ratings[row],
});

/** Targets whose item somebody has in training. */
function heldOut(name: HeldOut["name"], targets: readonly Target[], train: TrainView): HeldOut {
  const seen = targets.filter(({ item }) => train.itemCounts[item] > 0);
  return new HeldOut(
    name,
    Int32Array.from(seen, ({ user }) => user),
    Int32Array.from(seen, ({ item }) => item),
    Float32Array.from(seen, ({ rating }) => rating),
  );
}

/** What a digest is taken over: two splits whose held-out ratings differ measure different things. */
const columnsOf = ({ users, items, ratings }: HeldOut) => [users, items, ratings];

/** Row numbers of ratings not below `lowest`, by user, in file order. */
function groupByUser({ users, ratings }: Interactions, userCount: number, lowest: number) {
  const offsets = new Int32Array(userCount + 1);
  for (let row = 0; row < users.length; row++) if (ratings[row] >= lowest) offsets[users[row] + 1]++;
  for (let user = 0; user < userCount; user++) offsets[user + 1] += offsets[user];
  const rows = new Int32Array(offsets[userCount]);
  const next = offsets.slice();
  for (let row = 0; row < users.length; row++) if (ratings[row] >= lowest) rows[next[users[row]]++] = row;
  return { offsets, rows };
}

/** Brings one user's rows, given in file order, into order of time. */
function orderInTime(rows: Int32Array, { timestamps }: Interactions, seed: number, user: number): void {
  if (timestamps === null) new Random(seed, user).shuffle(rows);
  else rows.sort((a, b) => timestamps[a] - timestamps[b] || a - b);
}

function firstOfEachItem(rows: Int32Array, items: Int32Array): Int32Array {
  const seen = new Set<number>();
  return rows.filter((row) => {
    const repeated = seen.has(items[row]);
    seen.add(items[row]);
    return !repeated;
  });
}
