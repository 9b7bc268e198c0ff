import test from "ava";
import { aggregate } from "../../lib/aggregation/aggregate.js";
import { largestShift } from "../../lib/aggregation/harm.js";
import { positionUtilities } from "../../lib/aggregation/utility.js";
import { Random } from "../../lib/data/random.js";

/** Place of each candidate, from 0, after mixing with an order of the language model. */
function placesAfter(order: readonly number[], alpha: number): Int32Array {
  const candidates = Int32Array.from(order.keys());
  const recommender = positionUtilities(candidates);
  const mixed = aggregate({ candidates, recommender, languageModel: positionUtilities(order), alpha });
  const places = new Int32Array(order.length);
  mixed.forEach((candidate, place) => {
    places[candidate] = place;
  });
  return places;
}

const indices = (k: number): number[] => Array.from({ length: k }, (_, n) => n);

test("bounds by hand for ten candidates", (t) => {
  const bounds = [0, 0.1, 2 / 11, 0.25, 0.3, 4 / 13, 0.4, 0.5, 0.51, 1].map((alpha) =>
    largestShift(alpha, 10),
  );
  t.deepEqual(bounds, [0, 0, 1, 2, 3, 3, 5, 8, 9, 9]);
  t.is(largestShift(1, 1), 0);
  t.is(largestShift(0.5, 2), 0);
});

test("no order moves any item further than the bound, whatever its alpha up to it", (t) => {
  const random = new Random(1);
  for (let n = 0; n < 3000; n++) {
    const k = 1 + random.below(20);
    const alpha = n % 2 === 0 ? random.next() : random.below(101) / 100;
    const lower = alpha * random.next();
    const order = random.shuffle(indices(k));
    for (const weight of [alpha, lower]) {
      const moved = placesAfter(order, weight).map((place, item) => Math.abs(place - item));
      t.true(Math.max(...moved) <= largestShift(alpha, k), `k ${k} alpha ${weight} order ${order}`);
    }
  }
});

test("an adversary reaches the bound: the attacker first, those to be passed last, nearest before farthest", (t) => {
  for (const k of [2, 5, 10, 17]) {
    for (let percent = 0; percent <= 100; percent++) {
      const alpha = percent / 100;
      const attacker = k - 1;
      const passed = largestShift(alpha, k);
      const order = [attacker, ...indices(attacker - passed)];
      for (let d = 1; d <= passed; d++) order.push(attacker - d);
      const reached = attacker - placesAfter(order, alpha)[attacker];
      t.is(reached, passed, `k ${k} alpha ${alpha}`);
    }
  }
});

test("the bound grows with alpha and with the list", (t) => {
  for (let percent = 1; percent <= 100; percent++)
    for (let k = 2; k <= 20; k++) {
      t.true(largestShift(percent / 100, k) >= largestShift((percent - 1) / 100, k));
      t.true(largestShift(percent / 100, k) >= largestShift(percent / 100, k - 1));
    }
});

test("refuses an alpha out of range and an empty list", (t) => {
  for (const alpha of [-0.1, 1.1, Number.NaN])
    t.throws(() => largestShift(alpha, 10), { code: "E_ARGUMENT", message: /^alpha: / });
  for (const k of [0, 1.5]) t.throws(() => largestShift(0.1, k), { message: /^candidates: / });
});
