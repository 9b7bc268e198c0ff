/** Items put into training histories: where they land, and what is refused. */
import test from "ava";
import { withInsertions } from "../../lib/data/insertions.js";
import { Random } from "../../lib/data/random.js";
import type { UserItems } from "../../lib/data/trainView.js";
import { randomView, viewOf } from "../models/planted.js";

const histories = ({ offsets, items }: UserItems): number[][] =>
  Array.from({ length: offsets.length - 1 }, (_, user) => [
    ...items.subarray(offsets[user], offsets[user + 1]),
  ]);
const view = viewOf([[0, 1, 2], [], [3], [4, 0]], 10);

test("an item goes before the one at its position of the row as given", (t) => {
  const triples = Int32Array.of(0, 2, 9, 3, 0, 8, 0, 0, 7, 2, 0, 6, 3, 1, 9);
  t.deepEqual(histories(withInsertions(view, triples)), [[7, 0, 1, 9, 2], [], [6, 3], [8, 4, 9, 0]]);
});

test("several at one position keep the order of the triples", (t) => {
  const triples = Int32Array.of(0, 1, 9, 0, 1, 5, 0, 0, 6, 0, 1, 7);
  t.deepEqual(histories(withInsertions(view, triples))[0], [6, 0, 9, 5, 7, 1, 2]);
});

test("nothing to put in: the same rows; the given ones are never changed", (t) => {
  const before = histories(view);
  t.deepEqual(histories(withInsertions(view, new Int32Array(0))), before);
  withInsertions(view, Int32Array.of(0, 0, 9));
  t.deepEqual(histories(view), before);
});

test("random insertions agree with splicing arrays one by one, and the last item stays last", (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const rows = randomView(12, 40, seed);
    const random = new Random(seed, 1);
    const triples: number[] = [];
    const expected = histories(rows);
    for (let user = 0; user < 12; user++) {
      const row = histories(rows)[user];
      const unseen = random
        .shuffle(Array.from({ length: 40 }, (_, item) => item))
        .filter((i) => !row.includes(i));
      const places = unseen
        .slice(0, random.below(5))
        .map((item) => ({ item, position: random.below(row.length) }));
      for (const { item, position } of places) triples.push(user, position, item);
      // From the back, and of equal places the last first: earlier positions stay what they were.
      for (const { item, position } of places.reverse().sort((a, b) => b.position - a.position))
        expected[user].splice(position, 0, item);
    }
    const found = histories(withInsertions(rows, Int32Array.from(triples)));
    t.deepEqual(found, expected);
    for (const [user, row] of found.entries()) t.is(row.at(-1), rows.itemsOf(user).at(-1));
  }
});

for (const [what, triples, message] of [
  ["an unknown user", [4, 0, 9], /^insertions\[0\]: expected a user below 4, got 4$/],
  ["a user below 0", [-1, 0, 9], /^insertions\[0\]: expected a user/],
  [
    "the place after the last item",
    [0, 0, 9, 0, 3, 8],
    /^insertions\[4\]: expected a position below 3, got 3$/,
  ],
  ["a position below 0", [0, -1, 9], /^insertions\[1\]: expected a position/],
  ["any position of an empty row", [1, 0, 9], /^insertions\[1\]: expected a position below 0, got 0$/],
  ["an unknown item", [0, 0, 10], /^insertions\[2\]: expected an item below 10, got 10$/],
  ["an item below 0", [0, 0, -1], /^insertions\[2\]: expected an item/],
  [
    "an item that the user has",
    [0, 0, 2],
    /^insertions: expected an item that user 0 does not have yet, got 2$/,
  ],
  ["an item put in twice", [3, 0, 7, 0, 0, 7, 3, 1, 7], /that user 3 does not have yet, got 7$/],
  ["half a triple", [0, 0, 9, 1], /^insertions: expected triples \(user, position, item\), got 4$/],
] as const)
  test(`refused: ${what}`, (t) => {
    t.throws(() => withInsertions(view, Int32Array.from(triples)), { code: "E_ARGUMENT", message });
  });

test("refused: what is no Int32Array", (t) => {
  const wrong: unknown = Float64Array.of(0, 0, 9);
  t.throws(() => withInsertions(view, wrong as Int32Array), {
    code: "E_ARGUMENT",
    message: /^insertions: expected an Int32Array/,
  });
});
