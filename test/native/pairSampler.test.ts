import test from "ava";
import { PairSampler } from "../../lib/native/pairSampler.js";
import { raises } from "./raises.js";

/** Every user has all items but one. */
const sourceOf = (userCount: number, itemCount: number, negatives: number) => ({
  userCount,
  itemCount,
  offsets: Int32Array.from({ length: userCount + 1 }, (_, user) => user * (itemCount - 1)),
  items: Int32Array.from({ length: userCount * (itemCount - 1) }, (_, place) => place % (itemCount - 1)),
  negatives,
  seed: 1,
});

test("a batch takes room for the examples there are, whatever its size", (t) => {
  using sampler = new PairSampler(sourceOf(2, 4, 3));
  const plain = (batchSize: number) =>
    [...sampler.epoch(5, batchSize)].map(({ users, positives, negatives }) => [
      [...users],
      [...positives],
      [...negatives],
    ]);
  t.deepEqual(plain(2 ** 40), plain(6));
  for (const { users, negatives } of sampler.epoch(1, 1_048_576)) {
    t.is(users.buffer.byteLength, 4 * 6);
    t.is(negatives.buffer.byteLength, 4 * 6 * 3);
  }
  using none = new PairSampler({ ...sourceOf(0, 4, 1), offsets: Int32Array.of(0) });
  t.deepEqual([...none.epoch(1, 5)], []);
});

test("a batch that no memory holds is E_NO_MEMORY and names what made it so large", (t) => {
  using sampler = new PairSampler(sourceOf(512, 257, 2 ** 20));
  raises(
    t,
    () => sampler.epoch(1, 1_048_576).next(),
    "E_NO_MEMORY",
    /^batchSize 131072 x negatives 1048576: expected memory for a batch of 137438953472 integers/,
  );
});
