/** Place of the first number that is not finite, -1 where there is none. */
export function firstNotFinite(values: Float32Array): number {
  let sum = 0; // 0 times what is not finite is NaN: no branch for each of millions
  for (let at = 0; at < values.length; at++) sum += values[at] * 0;
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}
