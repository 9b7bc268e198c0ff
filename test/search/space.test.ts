import test from "ava";
import { MF } from "../../lib/models/direct/mf.js";
import { listBackbones } from "../../lib/models/registry.js";
import { SASREC } from "../../lib/models/sequential/sasrec.js";
import { rungsOf } from "../../lib/search/rungs.js";
import { drawTrial, rangeText, searchSpace } from "../../lib/search/space.js";
import { loosely, raises } from "../native/raises.js";

test("every backbone brings a space within its ranges, and none searches epochs", (t) => {
  for (const backbone of listBackbones()) {
    const space = searchSpace(backbone);
    // Given as a user's it passes the checks of one.
    t.deepEqual(searchSpace(backbone, space), space, backbone.name);
    t.false("epochs" in space);
    for (const [name, range] of Object.entries(space)) {
      const { default: value } = backbone.hyperparameters[name];
      const holds =
        "values" in range ? range.values.includes(value) : range.low <= value && value <= range.high;
      t.true(holds, `${backbone.name}: ${rangeText(range)} without the default ${name} ${value}`);
    }
  }
});

test("fixed hyper-parameters leave the space, a user's ranges go over it, the backbone's order stays", (t) => {
  const names = Object.keys(searchSpace(MF));
  const l2 = { low: 0, high: 1 };
  t.deepEqual(
    Object.keys(searchSpace(MF, {}, { l2: 0 })),
    names.filter((name) => name !== "l2"),
  );
  const space = searchSpace(MF, { l2, learningRate: { values: [0.1] } }, { dimension: 8 });
  t.deepEqual(
    Object.keys(space),
    names.filter((name) => name !== "dimension"),
  );
  t.is(space.l2, l2);
});

test("a trial depends on seed and number alone; whole numbers, logarithms and lists stay in their ranges", (t) => {
  const given = {
    dimension: { low: 3, high: 5 },
    learningRate: { low: 1e-4, high: 1e-1, scale: "log" as const },
    batchSize: { values: [16, 64] },
    l2: { low: 0.2, high: 0.3 },
  };
  const space = searchSpace(MF, given);
  const draws = Array.from({ length: 400 }, (_, index) =>
    drawTrial(MF, space, { epochs: 7 }, { seed: 5, trial: index + 1 }),
  );
  t.deepEqual(drawTrial(MF, space, { epochs: 7 }, { seed: 5, trial: 9 }), draws[8]);
  t.notDeepEqual(drawTrial(MF, space, { epochs: 7 }, { seed: 6, trial: 9 }), draws[8]);
  const drawn = (name: string): number[] => [...new Set(draws.map((values) => values[name]))].sort();
  t.deepEqual(drawn("dimension"), [3, 4, 5]);
  t.deepEqual(drawn("batchSize"), [16, 64]);
  for (const { learningRate, l2, epochs } of draws) {
    t.true(learningRate >= 1e-4 && learningRate <= 1e-1 && l2 >= 0.2 && l2 <= 0.3);
    t.is(learningRate, Number(learningRate.toPrecision(3)));
    t.is(epochs, 7);
  }
  // A third of the draws in each decade: 133 expected, deviation 9.4.
  const lowest = draws.filter(({ learningRate }) => learningRate < 1e-3).length;
  t.true(lowest > 95 && lowest < 171, `${lowest}`);
});

test("values that do not go together are drawn again, and a space of none is refused", (t) => {
  const space = searchSpace(SASREC, { dimension: { values: [6, 8] }, heads: { values: [3, 4] } });
  const pairs = Array.from({ length: 40 }, (_, index) =>
    drawTrial(SASREC, space, {}, { seed: 1, trial: index + 1 }),
  ).map(({ dimension, heads }) => `${dimension}/${heads}`);
  t.deepEqual([...new Set(pairs)].sort(), ["6/3", "8/4"]);
  const hopeless = searchSpace(SASREC, { dimension: { values: [8] }, heads: { values: [3] } });
  raises(
    t,
    () => drawTrial(SASREC, hopeless, {}, { seed: 1, trial: 1 }),
    "E_ARGUMENT",
    /heads: expected a divisor of dimension 8, got 3/,
  );
});

/** Every hyper-parameter of MF at its default. */
const allFixed = Object.fromEntries(
  Object.entries(MF.hyperparameters).map(([name, { default: value }]) => [name, value]),
);

const badSpaces: readonly (readonly [given: unknown, fixed: unknown, message: RegExp])[] = [
  [{ learningrate: { values: [0.1] } }, {}, /expected one of dimension,.*; did you mean "learningRate"\?/],
  [{ depth: { values: [1] } }, {}, /MF hyper-parameter: expected one of .*, got "depth"$/],
  [{ l2: { low: 1, high: 0.1 } }, {}, /space\.l2: expected a low end .*, got "1\.\.0\.1"/],
  [{ l2: { low: 0, high: 1, scale: "log" } }, {}, /space\.l2\.low: expected a number above 0/],
  [
    { l2: { low: 0, high: 1, scale: "cubic" } },
    {},
    /space\.l2\.scale: expected "linear" or "log", got "cubic"/,
  ],
  [{ l2: { low: 0, high: 11 } }, {}, /MF l2: expected a number in 0\.\.10, got 11/],
  [{ l2: { low: 0 } }, {}, /MF l2: expected a number in 0\.\.10, got undefined/],
  [{ l2: { values: [] } }, {}, /space\.l2\.values: expected at least one number/],
  [{ l2: { values: ["a"] } }, {}, /MF l2: expected a number/],
  [{ l2: 3 }, {}, /space\.l2: expected \{ low, high, scale \} or \{ values \}, got 3/],
  [{ dimension: { low: 1.5, high: 3 } }, {}, /MF dimension: expected an integer/],
  [{ epochs: { values: [1, 2] } }, {}, /space\.epochs: expected the option epochs instead/],
  [{ l2: { values: [1] } }, { l2: 2 }, /space\.l2: expected a hyper-parameter that is not fixed, got 2/],
  [{}, { batchsize: 3 }, /did you mean "batchSize"\?/],
  [{}, allFixed, /space: expected hyper-parameters of MF/],
];

test("bad spaces are refused and named", (t) => {
  for (const [given, fixed, message] of badSpaces)
    raises(t, () => loosely(searchSpace, MF, given, fixed), "E_ARGUMENT", message);
});

test("ranges read as the command line takes them", (t) => {
  t.is(rangeText({ low: 0.1, high: 1, scale: "log" }), "0.1..1:log");
  t.is(rangeText({ low: 0, high: 1 }), "0..1");
  t.is(rangeText({ values: [1, 2] }), "1,2");
});

test("halving grows the epochs as it thins the trials; random has one rung", (t) => {
  const halving = { strategy: "halving", eta: 3 } as const;
  t.deepEqual(rungsOf({ ...halving, trials: 30, epochs: 100 }), [
    { trials: 30, epochs: 3 },
    { trials: 10, epochs: 11 },
    { trials: 3, epochs: 33 },
    { trials: 1, epochs: 100 },
  ]);
  // No rung has less than one epoch: then more than one trial comes to the end.
  t.deepEqual(rungsOf({ ...halving, trials: 30, epochs: 5 }), [
    { trials: 30, epochs: 1 },
    { trials: 10, epochs: 5 },
  ]);
  t.deepEqual(rungsOf({ ...halving, trials: 1, epochs: 5 }), [{ trials: 1, epochs: 5 }]);
  t.deepEqual(rungsOf({ strategy: "random", eta: 3, trials: 30, epochs: 5 }), [{ trials: 30, epochs: 5 }]);
  for (const [change, message] of [
    [{ trials: 0 }, /trials: expected an integer in 1/],
    [{ eta: 1 }, /eta: expected an integer of at least 2, got 1/],
    [{ strategy: "grid" }, /strategy: expected "random" or "halving", got "grid"/],
  ] as const)
    raises(t, () => loosely(rungsOf, { ...halving, trials: 3, epochs: 3, ...change }), "E_ARGUMENT", message);
});
