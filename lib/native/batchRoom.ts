import { Llama4RecError } from "./errors.js";

/**
 * Room for the integers of a batch: the product of the numbers that its size comes from, by their names.
 * @throws Llama4RecError `E_NO_MEMORY` naming them.
 */
export function batchRoom(factors: Readonly<Record<string, number>>): Int32Array {
  const count = Object.values(factors).reduce((product, factor) => product * factor, 1);
  try {
    return new Int32Array(count);
  } catch (cause) {
    const named = Object.entries(factors).map(([name, factor]) => `${name} ${factor}`);
    throw new Llama4RecError(
      "E_NO_MEMORY",
      `${named.join(" x ")}: expected memory for a batch of ${count} integers, got none`,
      { cause },
    );
  }
}
