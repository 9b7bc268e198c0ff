/** Ops of rating models through the TypeScript surface: values by hand and gradients of a sum. */
import test, { type ExecutionContext } from "ava";
import {
  add,
  backward,
  biInteraction,
  constant,
  cross,
  dense,
  gradient,
  matmul,
  multiply,
  outerRows,
  pairProducts,
  relu,
  reshape,
  shape,
  softmaxPool,
  step,
  sumGroups,
  type Tensor,
  transposeBlocks,
  values,
} from "../../lib/native/autograd.js";
import { Parameter } from "../../lib/native/parameter.js";
import { raises } from "./raises.js";

const ones = (count: number): Float32Array => new Float32Array(count).fill(1);

/** Checks the result of an op of `x [2 x 6]`, and the gradient of the sum of its numbers. */
function check(
  t: ExecutionContext,
  run: (x: Tensor) => Tensor,
  expected: { readonly value: readonly number[]; readonly gradient: readonly number[] },
): void {
  using parameter = new Parameter("x", 2, 6).write(Float32Array.of(1, 2, 3, 4, 5, 6, -1, 0, 1, 2, -3, 1));
  step(() => {
    const x = dense(parameter);
    const y = run(x);
    t.deepEqual([...values(y)], expected.value);
    const [rows, columns] = shape(y);
    const all = reshape(y, 1, rows * columns);
    backward(matmul(all, constant(ones(rows * columns), rows * columns, 1)));
    t.deepEqual([...gradient(x)], expected.gradient);
  });
}

test("multiply and relu", (t) => {
  check(t, (x) => multiply(x, x), {
    value: [1, 4, 9, 16, 25, 36, 1, 0, 1, 4, 9, 1],
    gradient: [2, 4, 6, 8, 10, 12, -2, 0, 2, 4, -6, 2],
  });
  check(t, (x) => relu(x), {
    value: [1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 0, 1],
    gradient: [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1],
  });
});

test("products of pairs of three fields, in a row each and added", (t) => {
  const gradients = [8, 10, 6, 8, 4, 6, -2, 3, -4, 1, 0, 2];
  const pairs = [3, 8, 5, 12, 15, 24, -1, 0, 3, 0, -3, 2];
  check(t, (x) => pairProducts(x, 3), { value: pairs, gradient: gradients });
  check(t, (x) => biInteraction(x, 3), { value: [23, 44, -1, 2], gradient: gradients });
});

test("a cross layer", (t) => {
  const weight = (x: Tensor): Tensor =>
    cross(x, x, constant(ones(6), 1, 6), constant(Float32Array.of(1, 0, 0, 0, 0, 0), 1, 6));
  // x (sum of x) + b + x, sums 21 and 0; its slope: sum + 1 + sum.
  check(t, weight, {
    value: [23, 44, 66, 88, 110, 132, 0, 0, 1, 2, -3, 1],
    gradient: [43, 43, 43, 43, 43, 43, 1, 1, 1, 1, 1, 1],
  });
});

test("outer products, sums of groups and transposed blocks", (t) => {
  check(t, (x) => outerRows(reshape(x, 6, 2), constant(Float32Array.of(1, 2, 3, 4, 5, 6), 6, 1)), {
    value: [1, 2, 6, 8, 15, 18, -4, 0, 5, 10, -18, 6],
    gradient: [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6],
  });
  check(t, (x) => sumGroups(reshape(x, 6, 2), 3), { value: [9, 12, -3, 3], gradient: [...ones(12)] });
  check(t, (x) => transposeBlocks(reshape(x, 6, 2), 3), {
    value: [1, 3, 5, 2, 4, 6, -1, 1, -3, 0, 2, 1],
    gradient: [...ones(12)],
  });
});

test("equal scores pool to the mean", (t) => {
  check(t, (x) => softmaxPool(constant(new Float32Array(4), 4, 1), reshape(x, 4, 3), 2), {
    value: [2.5, 3.5, 4.5, 0.5, -1.5, 1],
    gradient: [...ones(12).fill(0.5)],
  });
});

test("shapes that do not fit are named", (t) => {
  step(() => {
    const x = constant(ones(6), 2, 3);
    raises(t, () => biInteraction(x, 2), "E_ARGUMENT", /number of fields that divides 3 columns, got 2/);
    raises(t, () => sumGroups(add(x, x), 4), "E_ARGUMENT", /a size that divides 2 rows, got 4/);
    raises(t, () => softmaxPool(x, x, 2), "E_ARGUMENT", /scores 2 x 1, got 2 x 3/);
  });
});
