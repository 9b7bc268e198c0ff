import { Parameter } from "../../lib/native/parameter.js";

/** Numbers in -1 .. 1 that follow from the seed, made natively: millions take no time. */
export function randomNumbers(count: number, seed: number): Float32Array {
  using source = new Parameter("random", count, 1);
  return source.fillUniform(-1, 1, seed, 0).read();
}
