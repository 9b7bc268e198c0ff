/** Values and gradients of every op through the TypeScript surface, against plain float64 loops. */
import test, { type ExecutionContext } from "ava";
import { Random } from "../../lib/data/random.js";
import {
  add,
  backward,
  bag,
  bprLoss,
  constant,
  dense,
  gather,
  item,
  l2,
  matmul,
  rowDot,
  scale,
  shape,
  step,
  type Tensor,
  values,
} from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { Parameter } from "../../lib/native/parameter.js";

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
