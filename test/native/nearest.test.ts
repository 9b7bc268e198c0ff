import test from "ava";
import { nearestName, unknownName } from "../../lib/native/nearest.js";

const known = ["dimension", "learningRate", "l2", "batchSize", "MF"];

test("the nearest name is found in any case, and none where nothing is near", (t) => {
  for (const [name, nearest] of [
    ["dimensions", "dimension"],
    ["LEARNINGRATE", "learningRate"],
    ["learnRate", "learningRate"],
    ["l1", null], // one letter of two is too much
    ["mf", "MF"],
    ["mff", "MF"],
    ["batchsize", "batchSize"],
    ["depth", null],
    ["", null],
    ["toString", null],
    ["d".repeat(1e6), null],
  ] as const)
    t.is(nearestName(name, known), nearest, name.slice(0, 20));
  t.is(nearestName("aab", ["aac", "aad"]), "aac");
  t.is(nearestName("a", []), null);
});

test("the error names what was expected, what came and what was probably meant", (t) => {
  const about = (received: unknown, scope?: string): string =>
    unknownName("E_TASK", "task", ["direct", "rating"], received, scope).message;
  t.is(about("Direct"), 'task: expected one of direct, rating, got "Direct"; did you mean "direct"?');
  t.is(about("cooking", " here"), 'task: expected one of direct, rating here, got "cooking"');
  t.is(about(3), "task: expected one of direct, rating, got 3");
  t.is(unknownName("E_TASK", "task", known, "x").code, "E_TASK");
});
