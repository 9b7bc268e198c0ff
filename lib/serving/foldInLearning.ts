import type { UserItems } from "../data/trainView.js";
import { solveCholesky, solveFactored } from "../models/cholesky.js";
import type { Factors } from "../models/factorRanker.js";
import { Catalogue, topKRow } from "../native/catalogue.js";
import { type FoldInMap, foldInOf, weightedMean } from "./foldIn.js";

/** Users that the regression is over at most. */
const mostUsers = 50_000;
/** Users whose last item chooses the constants, at most. */
const mostAsked = 500;
/** Fewest items of a user who is asked for the last one. */
const fewestItems = 3;
/** Length of the lists that it is looked for in. */
const listLength = 100;

type Weights = Pick<FoldInMap, "recency" | "floor">;
interface Choice {
  readonly ridge: number;
  readonly weights: Weights;
}
const even: Weights = { recency: 1, floor: 0 };
/** Weights that are tried; among equal ones the first is taken. */
const triedWeights: readonly Weights[] = [
  even,
  ...[0.95, 0.9, 0.8, 0.7, 0.5].flatMap((recency) => [0.02, 0.05, 0.2].map((floor) => ({ recency, floor }))),
];
/** Ridge penalties that are tried, in units of the mean square of a feature. */
const triedRidges: readonly number[] = [0.1, 0.01, 1];

/**
 * Learns how somebody new gets a vector of a trained factor model: a ridge regression, in closed form, of the trained users'
 * vectors on the means of their items' vectors. Penalty and weights of items are those under which training users, left out
 * of the regression and folded in from all but their last item, find that one highest (NDCG, cut at 100); weights first.
 *
 * @param seen What the model's users have, oldest first.
 */
export async function learnFoldIn(factors: Factors, seen: UserItems): Promise<FoldInMap> {
  const users = usersOf(seen);
  const long = users.filter((user) => seen.offsets[user + 1] - seen.offsets[user] >= fewestItems);
  const asked = evenly(long, Math.min(mostAsked, long.length >> 1));
  const isAsked = new Set(asked);
  const others = regression(
    factors,
    seen,
    users.filter((user) => !isAsked.has(user)),
  );
  const { dimension, items, itemBiases } = factors;
  using catalogue = new Catalogue(items, { dimension, biases: itemBiases });
  let best: Choice = { ridge: triedRidges[0], weights: even };
  let highest = -1;
  const consider = async (choice: Choice): Promise<void> => {
    const map = { matrix: others(choice.ridge), ...choice.weights };
    const gain = await gainOf(factors, map, seen, asked, catalogue);
    if (gain > highest) [best, highest] = [choice, gain];
  };
  for (const weights of triedWeights) await consider({ ...best, weights });
  for (const ridge of triedRidges.slice(1)) await consider({ ...best, ridge });
  return { matrix: regression(factors, seen, users)(best.ridge), ...best.weights };
}

function usersOf({ offsets }: UserItems): Int32Array {
  const users: number[] = [];
  for (let user = 0; user + 1 < offsets.length; user++)
    if (offsets[user + 1] > offsets[user]) users.push(user);
  return evenly(Int32Array.from(users), mostUsers);
}

/** Some of them, in even steps. */
function evenly(all: Int32Array, count: number): Int32Array {
  if (all.length <= count) return all;
  return Int32Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)]);
}

/** The ridge regression of these users' vectors `[d]` on the means of their items' vectors: A `[d x d]` of a penalty. */
function regression(
  { dimension: d, users: vectors, items: table }: Factors,
  { offsets, items }: UserItems,
  users: Int32Array,
): (ridge: number) => Float32Array {
  const gram = new Float64Array(d * d);
  const right = new Float64Array(d * d);
  const mean = new Float64Array(d);
  for (const user of users) {
    weightedMean(table, items.subarray(offsets[user], offsets[user + 1]), even, mean);
    for (let r = 0; r < d; r++) {
      const expected = vectors[user * d + r];
      for (let c = 0; c < d; c++) right[r * d + c] += expected * mean[c];
      for (let c = 0; c <= r; c++) gram[r * d + c] += mean[r] * mean[c];
    }
  }
  let trace = 0;
  for (let r = 0; r < d; r++) trace += gram[r * d + r];
  return (ridge) => {
    // Where all means are zero, so is every vector that comes out.
    const penalty = (ridge * trace) / d || 1;
    const factor = gram.slice();
    for (let r = 0; r < d; r++) factor[r * d + r] += penalty;
    const rows = right.slice();
    for (let r = 0; r < d; r++) {
      const row = rows.subarray(r * d, (r + 1) * d);
      if (r === 0) solveCholesky(factor, row, d);
      else solveFactored(factor, row, d);
    }
    return Float32Array.from(rows);
  };
}

/** Mean gain of the last items of these users in lists for what they had before. */
async function gainOf(
  factors: Factors,
  map: FoldInMap,
  { offsets, items }: UserItems,
  users: Int32Array,
  catalogue: Catalogue,
): Promise<number> {
  if (users.length === 0) return 0;
  const { dimension } = factors;
  const foldIn = foldInOf(factors, map);
  const queries = new Float32Array(users.length * dimension);
  const before = users.map((user) => offsets[user + 1] - offsets[user] - 1);
  const excluded = { offsets: new Int32Array(users.length + 1), items: new Int32Array(sum(before)) };
  for (let row = 0; row < users.length; row++) {
    const begin = offsets[users[row]];
    const history = items.subarray(begin, begin + before[row]);
    queries.set(foldIn.vector(history), row * dimension);
    excluded.items.set(history, excluded.offsets[row]);
    excluded.offsets[row + 1] = excluded.offsets[row] + before[row];
  }
  const top = await catalogue.topKAsync(queries, { k: Math.min(listLength, catalogue.size), excluded });
  let gain = 0;
  for (let row = 0; row < users.length; row++) {
    const place = topKRow(top, row).indexOf(items[offsets[users[row] + 1] - 1]);
    if (place >= 0) gain += 1 / Math.log2(place + 2);
  }
  return gain / users.length;
}

const sum = (values: Int32Array): number => values.reduce((total, value) => total + value, 0);
