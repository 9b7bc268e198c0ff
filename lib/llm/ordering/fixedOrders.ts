import { argumentError } from "../../native/errors.js";

/**
 * `count` fixed orders of `length` things: order 2j is a rotation of the given one, order 2j + 1 the same backwards.
 * The first is the given order. With an even count every two things stand either way round equally often, so that
 * whatever grows evenly with the place averages out; with `2 * length` everything stands at every place equally often.
 *
 * @throws Llama4RecError `E_ARGUMENT` if `count` is no integer from 1.
 *
 * @example
 * ```ts
 * fixedOrders(4, 3); // [0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]
 * ```
 */
export function fixedOrders(length: number, count: number): Int32Array[] {
  if (!Number.isInteger(count) || count < 1) throw argumentError("orders", "an integer of at least 1", count);
  const rotations = Math.ceil(count / 2);
  return Array.from({ length: count }, (_, n) => {
    const start = Math.floor(((n >> 1) * length) / rotations);
    const rotation = Int32Array.from({ length }, (_, place) => (start + place) % length);
    return n % 2 === 0 ? rotation : rotation.reverse();
  });
}
