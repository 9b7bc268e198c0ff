import test from "ava";
import { philox4x32, Random } from "../../lib/data/random.js";

function block(counter: number[], key: number[]): number[] {
  const out = new Uint32Array(4);
  philox4x32(Uint32Array.from(counter), Uint32Array.from(key), out);
  return [...out];
}

test("Philox gives the published known answers", (t) => {
  t.deepEqual(block([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  const ones = 0xffffffff;
  t.deepEqual(
    block([ones, ones, ones, ones], [ones, ones]),
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  );
  t.deepEqual(
    block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test("a seed and stream name one sequence", (t) => {
  const draw = (seed: number, stream?: number) => {
    const random = new Random(seed, stream);
    return Array.from({ length: 9 }, () => random.uint32());
  };
  t.deepEqual(draw(7, 3), draw(7, 3));
  t.deepEqual(draw(7), draw(7, 0));
  const others = [draw(7, 3), draw(7, 4), draw(8, 3), draw(7 + 2 ** 32, 3), draw(7, 3 + 2 ** 32)];
  t.is(new Set(others.map(String)).size, others.length);
});

test("numbers are uniform in [0, 1) and below n", (t) => {
  const random = new Random(1);
  const counts = new Array<number>(5).fill(0);
  let sum = 0;
  for (let draw = 0; draw < 20_000; draw++) {
    const value = random.next();
    t.true(value >= 0 && value < 1);
    sum += value;
    counts[random.below(5)]++;
  }
  t.true(Math.abs(sum / 20_000 - 0.5) < 0.01);
  for (const count of counts) t.true(Math.abs(count - 4000) < 300);
});

test("a shuffle keeps every element and reaches every order", (t) => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const shuffled = new Random(seed).shuffle(Int32Array.of(1, 2, 3));
    t.deepEqual([...shuffled].sort(), [1, 2, 3]);
    orders.add(shuffled.join());
  }
  t.is(orders.size, 6);
});

test("bad arguments are named", (t) => {
  t.throws(() => new Random(-1), { code: "E_ARGUMENT", message: /^seed: .*-1/ });
  t.throws(() => new Random(1, 0.5), { code: "E_ARGUMENT", message: /^stream: .*0\.5/ });
  t.throws(() => new Random(1).below(0), { code: "E_ARGUMENT", message: /^n: .*0/ });
});
