import test from "ava";
import { type BackboneDefinition, resolveHyperparameters } from "../../lib/models/backbone.js";
import { findBackbone, findTask, listBackbones } from "../../lib/models/registry.js";
import { loosely, raises } from "../native/raises.js";

const MF = findBackbone("MF", "direct");

test("a backbone is found by its name in any case, and by nothing else", (t) => {
  t.is(findBackbone("mf", "direct"), MF);
  for (const name of ["", "MFF", "__proto__", "constructor"])
    raises(
      t,
      () => findBackbone(name, "direct"),
      "E_BACKBONE",
      /expected one of MF, LightGCN, .* for task direct, got "/,
    );
});

test("a task is found by its exact name", (t) => {
  t.is(findTask("direct"), "direct");
  t.is(findTask("sequential"), "sequential");
  t.is(findTask("rating"), "rating");
  for (const name of ["", "Direct", "indirect", "ratings"])
    raises(t, () => findTask(name), "E_TASK", /expected one of direct, sequential, rating, got "/);
});

test("every backbone says what it is, and its defaults are within their ranges", (t) => {
  const all = listBackbones();
  t.true(all.length > 0);
  t.is(new Set(all.map(({ name, task }) => `${task} ${name.toLowerCase()}`)).size, all.length);
  for (const backbone of all) {
    t.regex(backbone.name, /^\w+$/);
    t.true(backbone.source.length > 20);
    for (const name of ["epochs", "batchSize", "learningRate"]) t.true(name in backbone.hyperparameters);
    for (const [name, spec] of Object.entries(backbone.hyperparameters)) {
      t.true(spec.about.length > 5, name);
      t.true(spec.low <= spec.default && spec.default <= spec.high, name);
      if (spec.integer) t.true([spec.low, spec.default, spec.high].every(Number.isInteger), name);
    }
    const defaults = Object.entries(backbone.hyperparameters).map(([name, spec]) => [name, spec.default]);
    t.deepEqual({ ...resolveHyperparameters(backbone) }, Object.fromEntries(defaults));
  }
});

test("a user's values go over the defaults", (t) => {
  const values = resolveHyperparameters(MF, { dimension: 16, l2: 0 });
  t.like(values, { dimension: 16, l2: 0, epochs: MF.hyperparameters.epochs.default });
});

test("an unknown name or a value out of range is refused and named", (t) => {
  const wrong: [given: Record<string, unknown>, message: RegExp][] = [
    [{ dimensions: 3 }, /MF hyper-parameter: expected one of dimension,.*got "dimensions"/],
    [{ toString: 3 }, /got "toString"/],
    [{ dimension: 0 }, /MF dimension: expected an integer in 1\.\.1024, got 0/],
    [{ dimension: 1.5 }, /expected an integer in 1\.\.1024, got 1.5/],
    [{ dimension: "8" }, /got "8"/],
    [{ l2: -1 }, /MF l2: expected a number in 0\.\.10, got -1/],
    [{ l2: Number.NaN }, /got NaN/],
    [{ learningRate: Number.POSITIVE_INFINITY }, /got Infinity/],
    [{ temperature: 0.2 }, /temperature: expected 0 beside 1 sampled negatives, got 0\.2/],
  ];
  for (const [given, message] of wrong)
    raises(t, () => loosely(resolveHyperparameters, MF, given), "E_ARGUMENT", message);
});

test("a definition without the common hyper-parameters is refused", (t) => {
  const { epochs: _, ...rest } = MF.hyperparameters;
  const broken: BackboneDefinition = { ...MF, name: "broken", hyperparameters: rest };
  raises(t, () => resolveHyperparameters(broken), "E_BACKBONE", /broken: expected hyper-parameters epochs/);
});

test("values that do not go together are refused before anything is trained", (t) => {
  const SASRec = findBackbone("SASRec");
  t.is(resolveHyperparameters(SASRec, { dimension: 12, heads: 3 }).heads, 3);
  raises(
    t,
    () => resolveHyperparameters(SASRec, { heads: 3 }),
    "E_ARGUMENT",
    /SASRec heads: expected a divisor of dimension 64, got 3/,
  );
});
