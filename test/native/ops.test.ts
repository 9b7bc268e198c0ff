/** Values and gradients of every op through the TypeScript surface, against plain float64 loops. */
import test, { type ExecutionContext } from "ava";
import { Random } from "../../lib/data/random.js";
import {
  add,
  backward,
  bag,
  bprLoss,
  bprRows,
  constant,
  dense,
  frozen,
  gather,
  item,
  l2,
  logSoftmax,
  matmul,
  normalizeRows,
  reshape,
  rmsNorm,
  rope,
  rowDot,
  scale,
  segmentAttention,
  shape,
  slice,
  softmaxLoss,
  step,
  stepRandomness,
  swiglu,
  type Tensor,
  values,
} from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { Parameter } from "../../lib/native/parameter.js";
import { raises } from "./raises.js";

const random = new Random(11);
const uniform = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.next() - 1);
const close = (
  t: ExecutionContext,
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance = 1e-5,
) => {
  t.is(actual.length, expected.length);
  expected.forEach((value, index) => {
    t.true(
      Math.abs(actual[index] - value) <= tolerance * Math.max(1, Math.abs(value)),
      `${actual[index]} ${value}`,
    );
  });
};
/** Rows of a row-major table. */
const table = (flat: Float32Array, columns: number): number[][] =>
  Array.from({ length: flat.length / columns }, (_, row) => [
    ...flat.subarray(row * columns, (row + 1) * columns),
  ]);
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i], 0);
const transposed = (rows: number[][]): number[][] =>
  rows[0].map((_, column) => rows.map((row) => row[column]));

for (const columns of [1, 3, 8, 13]) {
  const flat = uniform(6 * columns);
  const rows = table(flat, columns);

  test(`gather and bag pick and pool rows of ${columns}`, (t) => {
    using parameter = new Parameter("p", 6, columns).write(flat);
    const picked = [5, 0, 0, 3];
    const offsets = [0, 2, 2, 4];
    const weights = Float32Array.of(0.5, -1, 2, 0.25);
    const pooled = (factor: (entry: number) => number, mean: boolean): number[] =>
      offsets.slice(1).flatMap((end, bagIndex) => {
        const entries = picked.map((row, entry) => ({ row, entry })).slice(offsets[bagIndex], end);
        const divisor = mean ? Math.max(1, entries.length) : 1;
        return rows[0].map(
          (_, column) =>
            entries.reduce((sum, { row, entry }) => sum + factor(entry) * rows[row][column], 0) / divisor,
        );
      });
    step(() => {
      close(
        t,
        values(gather(parameter, picked)),
        picked.flatMap((row) => rows[row]),
        0,
      );
      close(
        t,
        values(bag(parameter, picked, offsets)),
        pooled(() => 1, false),
      );
      close(
        t,
        values(bag(parameter, picked, offsets, "mean")),
        pooled(() => 1, true),
      );
      close(
        t,
        values(bag(parameter, picked, offsets, "sum", weights)),
        pooled((entry) => weights[entry], false),
      );
    });
  });

  test(`rowDot, matmul, l2, add and scale of ${columns} columns`, (t) => {
    const other = uniform(6 * columns);
    const others = table(other, columns);
    const product = (a: number[][], b: number[][]): number[] =>
      a.flatMap((x) => transposed(b).map((y) => dot(x, y)));
    step(() => {
      const a = constant(flat, 6, columns);
      const b = constant(other, 6, columns);
      close(
        t,
        values(rowDot(a, b)),
        rows.map((row, index) => dot(row, others[index])),
      );
      close(t, values(matmul(a, b, { transposeB: true })), product(rows, transposed(others)));
      close(t, values(matmul(a, b, { transposeA: true })), product(transposed(rows), others));
      t.deepEqual(shape(matmul(a, b, { transposeA: true })), [columns, columns]);
      close(t, [item(l2(a))], [rows.flat().reduce((sum, x) => sum + x * x, 0) / 12]);
      close(
        t,
        values(add(a, b, a)),
        rows.flat().map((x, index) => 2 * x + others.flat()[index]),
      );
      close(
        t,
        values(scale(a, -3)),
        rows.flat().map((x) => -3 * x),
      );
    });
  });
}

test("bprLoss is the mean of -log sigmoid, also far from zero", (t) => {
  const positive = [0.3, -2, 60, -60, 0];
  const negative = [0.1, 1, -60, 60, 0];
  const expected = positive.reduce((sum, x, index) => sum + Math.log1p(Math.exp(negative[index] - x)), 0) / 5;
  const loss = step(() =>
    item(bprLoss(constant(Float32Array.from(positive), 5, 1), constant(Float32Array.from(negative), 5, 1))),
  );
  close(t, [loss], [expected]);
});

test("rmsNorm and swiglu work on each row alone", (t) => {
  const [x, gain, halves] = [uniform(4 * 9), uniform(9), uniform(4 * 14)];
  const silu = (gate: number): number => gate / (1 + Math.exp(-gate));
  step(() => {
    close(
      t,
      values(rmsNorm(constant(x, 4, 9), constant(gain, 1, 9), 1e-3)),
      table(x, 9).flatMap((row) => row.map((v, c) => (gain[c] * v) / Math.sqrt(dot(row, row) / 9 + 1e-3))),
    );
    const gated = swiglu(constant(halves, 4, 14));
    t.deepEqual(shape(gated), [4, 7]);
    close(
      t,
      values(gated),
      table(halves, 14).flatMap((row) => row.slice(0, 7).map((gate, c) => silu(gate) * row[7 + c])),
    );
  });
});

test("rope turns neighbouring pairs of the first heads by their position", (t) => {
  const [width, positions] = [6, Int32Array.of(3, 0, 700)];
  const x = uniform(3 * 15);
  const expected = (base: number): number[] =>
    table(x, 15).flatMap((row, i) =>
      row.map((value, c) => {
        if (c >= 2 * width) return value;
        const pair = Math.floor((c % width) / 2);
        const angle = positions[i] * base ** ((-2 * pair) / width);
        return c % 2 === 0
          ? value * Math.cos(angle) - row[c + 1] * Math.sin(angle)
          : value * Math.cos(angle) + row[c - 1] * Math.sin(angle);
      }),
    );
  step(() => {
    const turned = (base?: number): Float32Array =>
      values(rope(constant(x, 3, 15), { positions, heads: 2, width, ...(base && { base }) }));
    close(t, turned(), expected(10_000));
    close(t, turned(500), expected(500));
  });
});

test("segmentAttention: a tail sees itself and its prefix, never another tail", (t) => {
  const [heads, kvHeads, w, tokens] = [4, 2, 3, 7];
  const columns = (heads + 2 * kvHeads) * w;
  const rows = table(uniform(tokens * columns), columns);
  // A prefix of 2 tokens with tails of 2 and 1; then a prefix of 2 alone.
  const seen = [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [5], [5, 6]];
  const slice = (row: number, head: number): number[] => rows[row].slice(head * w, (head + 1) * w);
  const expected = seen.flatMap((keys, i) =>
    Array.from({ length: heads }, (_, head) => {
      const from = heads + Math.floor(head / (heads / kvHeads));
      const weights = keys.map((j) => Math.exp(dot(slice(i, head), slice(j, from)) / Math.sqrt(w)));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return Array.from({ length: w }, (_, c) =>
        keys.reduce((sum, j, at) => sum + (weights[at] / total) * slice(j, from + kvHeads)[c], 0),
      );
    }).flat(),
  );
  step(() => {
    const found = segmentAttention(constant(Float32Array.from(rows.flat()), tokens, columns), {
      segments: Int32Array.of(0, 2, 4, 5, 7),
      sequences: Int32Array.of(0, 3, 4),
      heads,
      kvHeads,
    });
    t.deepEqual(shape(found), [tokens, heads * w]);
    close(t, values(found), expected);
  });
});

test("softmaxLoss is a mean, weighted or not, of what logSoftmax gives each row", (t) => {
  const [states, items] = [uniform(4 * 5), uniform(6 * 5)];
  const targets = [0, 5, 2, 2];
  const expected = table(states, 5).map((state, i) => {
    const scores = table(items, 5).map((row) => dot(state, row));
    return scores[targets[i]] - Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
  });
  const weights = Float32Array.of(2, 0, 0.5, 1.5);
  step(() => {
    const [s, items6] = [constant(states, 4, 5), constant(items, 6, 5)];
    close(t, values(logSoftmax(s, items6, targets)), expected);
    close(t, [item(softmaxLoss(s, items6, targets))], [-expected.reduce((sum, x) => sum + x / 4, 0)]);
    close(
      t,
      [item(softmaxLoss(s, items6, targets, weights))],
      [-expected.reduce((sum, x, i) => sum + (weights[i] * x) / 4, 0)],
    );
    raises(t, () => softmaxLoss(s, items6, targets, new Float32Array(4)), "E_ARGUMENT", /weights/);
    raises(
      t,
      () => softmaxLoss(s, items6, targets, new Float32Array(0)),
      "E_ARGUMENT",
      /weights: expected 4/,
    );
    raises(t, () => backward(l2(logSoftmax(s, items6, targets))), "E_ARGUMENT", /evaluation/);
  });
});

/**
 * Gradients as the optimizer sees them: with learning rate and epsilon both 1e4, one step of Adam takes away
 * `g / (|g| / 1e4 + 1)`, which is g to the fourth digit.
 */
function gradients(parameters: readonly Parameter[], loss: () => Tensor): Float32Array[] {
  const before = parameters.map((parameter) => parameter.read());
  using optimizer = new Adam(parameters, { learningRate: 1e4, epsilon: 1e4 });
  step(() => {
    backward(loss());
    optimizer.apply();
  });
  return parameters.map((parameter, index) => {
    const after = parameter.read();
    parameter.write(before[index]);
    return before[index].map((value, at) => value - after[at]);
  });
}

test("gradients of a composite loss are its finite differences", (t) => {
  using users = new Parameter("users", 4, 3).write(uniform(12));
  using items = new Parameter("items", 5, 3).write(uniform(15));
  using mixing = new Parameter("mixing", 3, 3).write(uniform(9));
  const parameters = [users, items, mixing];
  const weights = Float32Array.of(1, 0.5, -2, 1);
  const loss = (): Tensor => {
    const user = matmul(bag(users, [0, 2, 2, 1], [0, 1, 3, 4], "sum", weights), dense(mixing));
    const positive = gather(items, [0, 4, 4]);
    const negative = gather(items, [3, 1, 0]);
    const ranking = bprLoss(rowDot(user, positive), rowDot(user, negative));
    return add(ranking, scale(l2(add(user, positive)), 0.3), scale(l2(dense(mixing)), 0.7));
  };
  const found = gradients(parameters, loss);
  const h = 1e-2;
  parameters.forEach((parameter, index) => {
    const point = parameter.read();
    const at = (entry: number, value: number): number => {
      parameter.write(point.with(entry, value));
      return step(() => item(loss()));
    };
    const expected = Array.from(
      point,
      (value, entry) => (at(entry, value + h) - at(entry, value - h)) / (2 * h),
    );
    parameter.write(point);
    t.true(expected.some((value) => Math.abs(value) > 0.05));
    close(t, found[index], expected, 2e-3);
  });
  t.deepEqual([...found[0].subarray(9)], [0, 0, 0], "user 3 is in no bag");
});

test("bprRows is the BPR of gathered rows with their penalty, forward and backward", (t) => {
  using users = new Parameter("users", 4, 3).write(uniform(12));
  using items = new Parameter("items", 5, 3).write(uniform(15));
  const rows = { users: [0, 2, 2], positives: [0, 4, 4], negatives: [3, 1, 0] };
  const parts = (): Tensor => {
    const user = gather(users, rows.users);
    const positive = gather(items, rows.positives);
    const negative = gather(items, rows.negatives);
    const ranking = bprLoss(rowDot(user, positive), rowDot(user, negative));
    return add(ranking, scale(add(l2(user), l2(positive), l2(negative)), 0.3));
  };
  const whole = (): Tensor => bprRows(users, items, rows, 0.3);
  close(t, [step(() => item(whole()))], [step(() => item(parts()))]);
  const expected = gradients([users, items], parts);
  for (const [index, found] of gradients([users, items], whole).entries())
    close(t, found, [...expected[index]], 2e-3);
  t.is(
    step(() => item(bprRows(users, items, { users: [], positives: [], negatives: [] }, 0.3))),
    0,
  );
});

test("a frozen parameter takes part in a step and stays as it is", (t) => {
  using base = new Parameter("base", 3, 4).write(uniform(12));
  using added = new Parameter("added", 3, 4).write(uniform(12));
  const input = uniform(15);
  const loss = (use: (parameter: Parameter) => Tensor): Tensor =>
    l2(matmul(constant(input, 5, 3), add(use(base), dense(added))));
  const [still, moved] = gradients([base, added], () => loss(frozen));
  const [both, same] = gradients([base, added], () => loss(dense));
  t.true(still.every((value) => value === 0));
  t.true(both.some((value) => value !== 0));
  close(t, moved, [...same]);
});

test("Adam walks down a quadratic and leaves untouched rows alone", (t) => {
  using parameter = new Parameter("p", 3, 2).write(Float32Array.of(1, 2, 3, 4, 5, 6));
  using optimizer = new Adam([parameter], { learningRate: 0.05 });
  const target = Float32Array.of(0.25, 0, -0.5, -1);
  const losses = Array.from({ length: 400 }, () =>
    step(() => {
      const loss = l2(add(gather(parameter, [0, 2]), constant(target, 2, 2)));
      backward(loss);
      optimizer.apply();
      return item(loss);
    }),
  );
  t.true(losses[399] < 1e-4 * losses[0], `${losses[0]} to ${losses[399]}`);
  const end = parameter.read();
  t.deepEqual([...end.subarray(2, 4)], [3, 4]);
  close(t, [end[0], end[1], end[4], end[5]], [-0.25, 0, 0.5, 1], 2e-2);
});

test("the first step of Adam is the learning rate against the sign of the gradient", (t) => {
  using parameter = new Parameter("p", 1, 2).write(Float32Array.of(1, -1));
  using optimizer = new Adam([parameter], { learningRate: 0.01 });
  optimizer.learningRate = 0.1;
  const norm = step(() => {
    backward(l2(dense(parameter)));
    return optimizer.apply();
  });
  close(t, [norm], [Math.SQRT2]);
  close(t, parameter.read(), [0.9, -0.9]);
});

test("views show the same numbers, and rows of length 1 are cosines", (t) => {
  const flat = uniform(12);
  step(() => {
    const x = constant(flat, 3, 4);
    close(t, values(reshape(x, 6, 2)), [...flat]);
    close(t, values(slice(x, 1, 2)), [...flat.subarray(4)]);
    const cosines = values(matmul(normalizeRows(x), normalizeRows(x), { transposeB: true }));
    const rows = table(flat, 4);
    const expected = rows.flatMap((a) => rows.map((b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))));
    close(t, cosines, expected);
    raises(t, () => reshape(x, 5, 2), "E_ARGUMENT", /12 numbers/);
    raises(t, () => slice(x, 2, 2), "E_ARGUMENT", /3/);
  });
});

test("a model in a step can ask what its randomness is", (t) => {
  t.is(
    step(() => stepRandomness()),
    null,
  );
  t.deepEqual(
    step(() => stepRandomness(), { seed: 3, step: 7 }),
    { seed: 3, step: 7 },
  );
  t.is(
    step(() => stepRandomness()),
    null,
  );
  raises(t, () => stepRandomness(), "E_ARGUMENT", /step/);
});

test("bags with an empty list of weights are refused: it is not the same as none", (t) => {
  const table = new Parameter("t", 3, 2);
  step(() =>
    raises(t, () => bag(table, [0, 1], [0, 2], "sum", new Float32Array(0)), "E_ARGUMENT", /weights/),
  );
  table.dispose();
});
