/** Users of a factor model who were not in its training. */
import { join } from "node:path";
import test from "ava";
import { IdMap } from "../../lib/data/idMap.js";
import { Random } from "../../lib/data/random.js";
import type { TrainView } from "../../lib/data/trainView.js";
import type { Factors } from "../../lib/models/factorRanker.js";
import { rankerOf } from "../../lib/models/frozen.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { type FoldInMap, foldInOf } from "../../lib/serving/foldIn.js";
import { readFoldIn, saveFoldIn } from "../../lib/serving/foldInFile.js";
import { learnFoldIn } from "../../lib/serving/foldInLearning.js";
import { Recommender } from "../../lib/serving/index.js";
import { saveRecommender } from "../../lib/serving/save.js";
import { writeTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";
import { solvedByElimination } from "../models/bruteForce.js";
import { viewOf } from "../models/planted.js";

const clusters = 4;
const users = 120;
const items = 48;
const dimension = 6;

/**
 * Items of four clusters, item `i` of cluster `i % 4`; users have ten of one cluster. User vectors lie in other directions than
 * item vectors: who scores by the plain mean of item vectors finds another cluster.
 */
function planted(): { view: TrainView; factors: Factors } {
  const random = new Random(3);
  const noise = (): number => 0.1 * (random.next() - 0.5);
  const itemVectors = new Float32Array(items * dimension);
  for (let item = 0; item < items; item++)
    for (let d = 0; d < dimension; d++)
      itemVectors[item * dimension + d] = (d === item % clusters ? 1 : 0) - 0.25 + noise();
  const rows = Array.from({ length: users }, (_, user) => {
    const own = Array.from({ length: items / clusters }, (_, n) => n * clusters + (user % clusters));
    return [...random.shuffle(Int32Array.from(own))].slice(0, 10);
  });
  // A user's vector is the cluster's, with its first two numbers far too long for a mean of items.
  const userVectors = new Float32Array(users * dimension);
  for (let user = 0; user < users; user++)
    for (let d = 0; d < dimension; d++)
      userVectors[user * dimension + d] = (d === user % clusters ? 5 : 0) + (d === 5 ? 2 : 0) + noise();
  const factors = { dimension, users: userVectors, items: itemVectors, itemBiases: null };
  return { view: viewOf(rows, items), factors };
}

const even: FoldInMap = { matrix: new Float32Array(dimension ** 2), recency: 1, floor: 0 };
const mapOf = (recency: number, floor: number): FoldInMap => ({
  matrix: Float32Array.from({ length: dimension ** 2 }, (_, at) => Math.sin(at)),
  recency,
  floor,
});

/** The formula as it is written. */
function expectedVector({ items: table }: Factors, { matrix, recency, floor }: FoldInMap, history: number[]) {
  const weights = history.map((_, at) => recency ** (history.length - 1 - at) + floor);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = Array.from({ length: dimension }, (_, d) =>
    history.reduce((sum, item, at) => sum + (weights[at] * table[item * dimension + d]) / total, 0),
  );
  return Array.from({ length: dimension }, (_, row) =>
    mean.reduce((sum, value, d) => sum + matrix[row * dimension + d] * value, 0),
  );
}

test("a vector is the map of the weighted mean, also of one item, of an item twice and of very many", (t) => {
  const { factors } = planted();
  const many = Array.from({ length: 100_000 }, (_, at) => (at * 7) % items);
  for (const map of [mapOf(1, 0), mapOf(0.8, 0.05), mapOf(0.9, 0)])
    for (const history of [[5], [1, 2, 3], [4, 4, 9, 4], many]) {
      const vector = foldInOf(factors, map).vector(Int32Array.from(history));
      for (const [d, value] of expectedVector(factors, map, history).entries())
        t.true(Math.abs(vector[d] - value) < 1e-5, `${history.length} items: ${vector[d]}, not ${value}`);
    }
  t.deepEqual([...foldInOf(factors, mapOf(0.8, 0.05)).vector(new Int32Array(0))], Array(dimension).fill(0));
});

test("a vector does not change when the next one is made", (t) => {
  const foldIn = foldInOf(planted().factors, mapOf(0.8, 0));
  const first = foldIn.vector(Int32Array.of(1, 2));
  const kept = [...first];
  foldIn.vector(Int32Array.of(3));
  t.deepEqual([...first], kept);
});

test("the learnt map is the ridge regression in closed form", async (t) => {
  const { view, factors } = planted();
  const { matrix } = await learnFoldIn(factors, view);
  const means = Array.from({ length: users }, (_, user) => {
    const own = [...view.itemsOf(user)];
    return Array.from(
      { length: dimension },
      (_, d) => own.reduce((sum, item) => sum + factors.items[item * dimension + d], 0) / own.length,
    );
  });
  const dot = (a: number, b: (user: number) => number): number =>
    means.reduce((sum, mean, user) => sum + mean[a] * b(user), 0);
  const gram = means[0].map((_, r) => means[0].map((_, c) => dot(r, (user) => means[user][c])));
  const trace = gram.reduce((sum, row, r) => sum + row[r], 0);
  const misses = [0.01, 0.1, 1].map((ridge) => {
    const penalised = gram.map((row, r) =>
      row.map((x, c) => x + (r === c ? (ridge * trace) / dimension : 0)),
    );
    let worst = 0;
    for (let row = 0; row < dimension; row++) {
      const right = means[0].map((_, d) => dot(d, (user) => factors.users[user * dimension + row]));
      for (const [d, value] of solvedByElimination(penalised, right).entries())
        worst = Math.max(worst, Math.abs(matrix[row * dimension + d] - value));
    }
    return worst;
  });
  t.true(Math.min(...misses) < 1e-5, `off by ${misses}`);
});

test("somebody new with items of a cluster gets the others of that cluster", async (t) => {
  const { view, factors } = planted();
  const folder = join(folderOf(t, {}), "recommender");
  const ranker = rankerOf({ kind: "factors", name: "MF", factors });
  const ids = (count: number): IdMap => IdMap.from(Array.from({ length: count }, (_, at) => at));
  await saveRecommender(folder, { ranker, view, users: ids(users), items: ids(items) });
  await using recommender = await Recommender.open(folder);
  for (let cluster = 0; cluster < clusters; cluster++) {
    const history = [0, 3, 4, 7].map((n) => n * clusters + cluster);
    const { ids: best } = await recommender.recommend({ history, k: 8 });
    t.deepEqual(
      best.map((id) => Number(id) % clusters),
      Array(8).fill(cluster),
    );
    t.false(best.some((id) => history.includes(Number(id))));
  }
});

test("newer items weigh more where training users show it, and not where they do not", async (t) => {
  const { factors } = planted();
  const random = new Random(5);
  const drawn = (cluster: number, count: number): number[] =>
    [...random.shuffle(Int32Array.from({ length: items / clusters }, (_, n) => n))]
      .slice(0, count)
      .map((n) => n * clusters + cluster);
  // Everybody leaves one cluster for the next: the last item is of the second.
  const moving = Array.from({ length: users }, (_, user) => [
    ...drawn(user % clusters, 8),
    ...drawn((user + 1) % clusters, 4),
  ]);
  t.true((await learnFoldIn(factors, viewOf(moving, items))).recency < 1);
  const { view } = planted();
  t.like(await learnFoldIn(factors, view), { recency: 1, floor: 0 });
});

test("models with hardly a user, or vectors of zeros, still fold in", async (t) => {
  const { factors } = planted();
  for (const rows of [[[]], [[1]], [[1, 2, 3, 4]], [[], [3], [1, 2, 3]]]) {
    const few = { ...factors, users: factors.users.subarray(0, rows.length * dimension) };
    const map = await learnFoldIn(few, viewOf(rows, items));
    t.true(map.matrix.every(Number.isFinite));
  }
  const zeros = { ...factors, items: new Float32Array(items * dimension) };
  t.true((await learnFoldIn(zeros, planted().view)).matrix.every((value) => value === 0));
});

test("its file gives it back", async (t) => {
  const path = join(folderOf(t, {}), "foldin.safetensors");
  const map = mapOf(0.8, 0.05);
  await saveFoldIn(path, map);
  t.deepEqual(await readFoldIn(path, dimension), map);
  await t.throwsAsync(readFoldIn(path, dimension + 1), {
    instanceOf: Llama4RecError,
    code: "E_CORRUPT",
    message: /expected shape \[7, 7\], got "?\[6, 6\]/,
  });
});

test("a file that was not written so is E_CORRUPT", async (t) => {
  const path = join(folderOf(t, {}), "foldin.safetensors");
  const { matrix } = even;
  const shape = [dimension, dimension];
  const good = { recency: "0.8", floor: "0.05" };
  for (const [metadata, tensors, message] of [
    [good, [], /matrix/],
    [good, [["matrix", { shape: [36], values: matrix }]], /matrix/],
    [good, [["matrix", { shape, values: Float32Array.from(matrix).fill(Number.NaN, 3, 4) }]], /finite/],
    [good, [["matrix", { shape, values: new Int32Array(36) }]], /float32/],
    [{ ...good, recency: "0" }, [["matrix", { shape, values: matrix }]], /recency/],
    [{ ...good, recency: "1.5" }, [["matrix", { shape, values: matrix }]], /recency/],
    [{ floor: "0" }, [["matrix", { shape, values: matrix }]], /recency/],
    [{ ...good, floor: "-1" }, [["matrix", { shape, values: matrix }]], /floor/],
    [{ ...good, floor: "1e999" }, [["matrix", { shape, values: matrix }]], /floor/],
    [{ ...good, floor: "no" }, [["matrix", { shape, values: matrix }]], /floor/],
  ] as const) {
    await writeTensorFile(path, { kind: "fold-in", metadata, tensors: new Map(tensors) });
    await t.throwsAsync(readFoldIn(path, dimension), { code: "E_CORRUPT", message });
  }
});
