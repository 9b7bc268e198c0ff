import test from "ava";
import {
  add,
  backward,
  constant,
  dense,
  gather,
  gradient,
  item,
  l2,
  scale,
  shape,
  step,
  type Tensor,
  values,
} from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { PairSampler } from "../../lib/native/pairSampler.js";
import { Parameter } from "../../lib/native/parameter.js";
import { detached, loosely, raises } from "./raises.js";

const ones = (count: number): Float32Array => new Float32Array(count).fill(1);
const usable = (): number => step(() => item(l2(constant(ones(4), 2, 2))));

test.afterEach("the engine stays usable", (t) => t.is(usable(), 1));

test("a tensor is good until its step ends, and never in a later one", (t) => {
  const stale: Tensor = step(() => constant(ones(1), 1, 1));
  for (const use of [values, shape, item, gradient, l2, backward]) {
    raises(t, () => use(stale), "E_ARGUMENT", /inside step/);
    step(() => raises(t, () => use(stale), "E_DISPOSED"));
    step(() => {
      constant(ones(1), 1, 1);
      raises(t, () => use(stale), "E_DISPOSED");
    });
  }
});

test("ops outside a step are refused", (t) => {
  using parameter = new Parameter("p", 2, 2);
  raises(t, () => constant(ones(1), 1, 1), "E_ARGUMENT", /inside step/);
  raises(t, () => dense(parameter), "E_ARGUMENT", /inside step/);
  raises(t, () => gather(parameter, [0]), "E_ARGUMENT", /inside step/);
});

test("steps do not nest, and the outer one goes on", (t) => {
  const value = step(() => {
    const kept = constant(ones(3), 1, 3);
    raises(t, () => step(() => 1), "E_ARGUMENT", /a step inside a step/);
    return values(kept);
  });
  t.deepEqual(value, ones(3));
});

test("a promise as body is refused, and its failure later harms nobody", async (t) => {
  raises(
    t,
    () =>
      step(async () => {
        await null;
        constant(ones(1), 1, 1);
      }),
    "E_ARGUMENT",
    /body: expected a synchronous function, got "a promise"/,
  );
  await new Promise(setImmediate);
});

test("an exception inside a step comes out as it is", (t) => {
  const mine = new RangeError("mine");
  t.is(
    t.throws(() =>
      step(() => {
        constant(ones(8), 4, 2);
        throw mine;
      }),
    ),
    mine,
  );
});

test("shapes must fit, and a second backward is refused", (t) => {
  step(() => {
    raises(t, () => constant(ones(5), 2, 3), "E_ARGUMENT", /expected 6 numbers for 2 x 3, got 5/);
    raises(t, () => constant(detached(ones(6)), 2, 3), "E_ARGUMENT");
    raises(t, () => add(constant(ones(6), 2, 3), constant(ones(6), 3, 2)), "E_ARGUMENT");
    raises(t, () => item(constant(ones(6), 2, 3)), "E_ARGUMENT");
    raises(t, () => backward(constant(ones(6), 2, 3)), "E_ARGUMENT");
  });
  using parameter = new Parameter("p", 2, 2);
  step(() => {
    const loss = l2(dense(parameter));
    backward(loss);
    raises(t, () => backward(loss), "E_ARGUMENT");
  });
});

test("rows of a gather are checked before they are used", (t) => {
  using parameter = new Parameter("p", 3, 2);
  step(() => {
    for (const row of [-1, 3, 2 ** 31 - 1]) {
      raises(t, () => gather(parameter, [row]), "E_ARGUMENT", new RegExp(`${row}`));
      raises(t, () => gather(parameter, Int32Array.of(row)), "E_ARGUMENT");
    }
    for (const row of [1.5, Number.NaN, 2 ** 32, -(2 ** 32), 2 ** 53, "1", undefined])
      raises(t, () => loosely(gather, parameter, [row]), "E_ARGUMENT", /rows/);
    for (const rows of [null, undefined, 3, new Float32Array(1), new Set([1])])
      raises(t, () => loosely(gather, parameter, rows), "E_ARGUMENT", /rows/);
    t.deepEqual(shape(gather(parameter, [])), [0, 2]);
  });
});

test("what was disposed says so; disposing twice is fine", (t) => {
  const parameter = new Parameter("table", 2, 2);
  const optimizer = new Adam([parameter]);
  const sampler = new PairSampler({
    userCount: 1,
    itemCount: 2,
    offsets: Int32Array.of(0, 1),
    items: Int32Array.of(0),
    seed: 1,
  });
  for (const resource of [parameter, optimizer, sampler]) {
    resource.dispose();
    resource.dispose();
  }
  raises(t, () => parameter.read(), "E_DISPOSED", /table/);
  raises(t, () => new Adam([parameter]), "E_DISPOSED");
  step(() => raises(t, () => dense(parameter), "E_DISPOSED"));
  step(() => raises(t, () => optimizer.apply(), "E_DISPOSED"));
  raises(t, () => [...sampler.epoch(1, 4)], "E_DISPOSED");
});

test("a parameter disposed inside a step lives until the step's work is done", (t) => {
  const parameter = new Parameter("p", 2, 2).write(ones(4));
  using optimizer = new Adam([parameter]);
  const norm = step(() => {
    const loss = l2(dense(parameter));
    parameter.dispose();
    backward(loss);
    return optimizer.apply();
  });
  t.true(Math.abs(norm - 1) < 1e-6);
});

test("a parameter takes finite numbers of its own shape only", (t) => {
  using parameter = new Parameter("p", 2, 2).write(ones(4));
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
    raises(t, () => parameter.write(Float32Array.of(1, 1, bad, 1)), "E_ARGUMENT", /values\[2\]/);
  raises(t, () => parameter.write(ones(3)), "E_ARGUMENT", /expected 4 numbers.*got 3/);
  raises(t, () => parameter.write(detached(ones(4))), "E_ARGUMENT");
  t.deepEqual(parameter.read(), ones(4));
  for (const [rows, columns] of [
    [-1, 1],
    [1.5, 1],
    [1, 0],
    [Number.NaN, 1],
    [2 ** 40, 1],
  ])
    raises(t, () => new Parameter("p", rows, columns), "E_ARGUMENT", /^(rows|columns): expected/);
  raises(t, () => new Parameter("p", 2 ** 31 - 1, 2 ** 20), "E_NO_MEMORY");
});

test("a gradient that is not finite is an error and leaves the parameter as it was", (t) => {
  using parameter = new Parameter("p", 2, 2).write(ones(4));
  using optimizer = new Adam([parameter]);
  raises(
    t,
    () =>
      step(() => {
        backward(scale(scale(l2(gather(parameter, [0])), 3e38), 3e38));
        optimizer.apply();
      }),
    "E_DIVERGED",
    /"p" is not finite/,
  );
  t.deepEqual(parameter.read(), ones(4));
});

test("options of Adam are checked", (t) => {
  using parameter = new Parameter("p", 1, 1);
  for (const options of [
    { learningRate: 0 },
    { learningRate: Number.NaN },
    { beta1: 1 },
    { beta2: -0.1 },
    { epsilon: 0 },
    { weightDecay: -1 },
  ])
    raises(t, () => new Adam([parameter], options), "E_ARGUMENT", /expected/);
  raises(t, () => new Adam([parameter, parameter]), "E_ARGUMENT", /twice/);
});
