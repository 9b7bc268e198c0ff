/** Bits of the float32 infinity, of 2^-14, the smallest normal half, and of 0.5. */
const INFINITY = 0x7f800000;
const SMALLEST_NORMAL = 0x38800000;
const ONE_HALF = 0x3f000000;
/** From here on float32 numbers round to the infinite half: 65520. */
const OVERFLOW = 0x477ff000;

/**
 * IEEE half-precision bits of float32 numbers, rounded to the nearest, ties to even; too large ones become infinite, NaN a
 * quiet NaN. `[n] -> [n]`
 */
export function halvesOf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  const sum = new Float32Array(1);
  const sumBits = new Uint32Array(sum.buffer);
  for (let i = 0; i < values.length; i++) {
    const sign = (bits[i] >>> 16) & 0x8000;
    const size = bits[i] & 0x7fffffff;
    let half: number;
    if (size >= OVERFLOW) half = size > INFINITY ? 0x7e00 : 0x7c00;
    else if (size < SMALLEST_NORMAL) {
      // The last bit of a float32 in [0.5, 1) weighs 2^-24 as that of a subnormal half: the addition rounds.
      sum[0] = Math.abs(values[i]) + 0.5;
      half = sumBits[0] - ONE_HALF;
    } else {
      // The exponent loses 112; 13 bits go, and just over half of their weight, or half on an odd number, rounds up.
      half = (size - (112 << 23) + 0xfff + ((size >>> 13) & 1)) >>> 13;
    }
    halves[i] = sign | half;
  }
  return halves;
}

/** The numbers of half-precision bits, exactly. `[n] -> [n]` */
export function numbersOfHalves(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = numberOfHalf(halves[i]);
  return values;
}

/** The number of one half. */
export function numberOfHalf(half: number): number {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => computed(bits));
  return table[half];
}

/** All halves, made on first use. */
let table: Float32Array | undefined;

function computed(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
