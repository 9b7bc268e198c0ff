import test from "ava";
import { halvesOf, numbersOfHalves } from "../../../lib/llm/gguf/half.js";
import { decodeTensor, encodeTensor } from "../../../lib/llm/gguf/tensorTypes.js";
import { uniform } from "../random.js";

/** The number of a half, from the definition of the format. */
function plainNumber(half: number): number {
  const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, (half & 1023) / 1024];
  if (exponent === 31) return fraction === 0 ? sign / 0 : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

/** The half nearest to a number, of two equally near ones the even, found by halving the interval. */
function plainHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  let [low, high] = [0, 0x7c00];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (plainNumber(middle) <= Math.abs(x)) low = middle;
    else high = middle;
  }
  // What would follow the largest half decides where infinity begins.
  const above = high === 0x7c00 ? 65536 : plainNumber(high);
  const [down, up] = [Math.abs(x) - plainNumber(low), above - Math.abs(x)];
  return sign | (down < up || (down === up && low % 2 === 0) ? low : high);
}

const hex = (half: number): string => half.toString(16);

test("every half becomes its number and its number the half", (t) => {
  const halves = Uint16Array.from({ length: 2 ** 16 }, (_, half) => half);
  const numbers = numbersOfHalves(halves);
  t.deepEqual(numbers, Float32Array.from(halves, plainNumber));
  const isNumber = (half: number) => !Number.isNaN(plainNumber(half));
  t.deepEqual(
    halvesOf(numbers).filter((_, i) => isNumber(i)),
    halves.filter(isNumber),
  );
});

test("numbers round to the nearest half, ties to even: around all boundaries and at random", (t) => {
  const bits = new Uint32Array(1);
  const values: number[] = [
    0,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    65519,
    65520,
    65521,
    1e38,
  ];
  const near = (x: number) => {
    const value = Float32Array.of(x);
    bits[0] = new Uint32Array(value.buffer)[0];
    for (const step of [-1, 0, 1]) values.push(new Float32Array(Uint32Array.of(bits[0] + step).buffer)[0]);
  };
  // Halfway between neighbours, and one float32 to either side.
  for (let half = 0; half < 0x7bff; half += half < 0x900 ? 1 : 37)
    near((plainNumber(half) + plainNumber(half + 1)) / 2);
  near(2 ** -24);
  near(2 ** -25);
  near(2 ** -149);
  const next = uniform(1);
  const random = Uint32Array.from({ length: 20_000 }, () => next() * 2 ** 32);
  for (const x of [...values, ...new Float32Array(random.buffer)]) {
    const [bits] = halvesOf(Float32Array.of(x));
    const half = Number.isNaN(x) ? bits & 0x7fff : bits; // a NaN's sign means nothing
    if (half !== plainHalf(Math.fround(x))) t.fail(`${x}: ${hex(half)}, not ${hex(plainHalf(x))}`);
  }
  t.pass();
});

/** ggml's definition of Q8_0, one block after the other in the plainest way. */
function plainBlock(values: readonly number[]): { scale: number; quants: number[] } {
  const d = Math.fround(Math.max(...values.map(Math.abs)) / 127);
  const inverse = d === 0 ? 0 : Math.fround(1 / d);
  const quants = values.map((x) => {
    const scaled = Math.fround(x * inverse);
    return Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5) + 0; // no negative zeros among integers
  });
  return { scale: plainNumber(plainHalf(d)), quants };
}

test("Q8_0 is ggml's: a half's scale and 32 bytes a block", (t) => {
  const next = uniform(2);
  const values = Float32Array.from({ length: 32 * 300 }, (_, i) => (next() - 0.5) * 10 ** (6 - (i >> 8)));
  values.fill(0, 32, 64);
  for (let i = 64; i < 96; i++) values[i] = (i - 80) * 0.5; // halves: 127 steps of 8 / 127
  for (let i = 96; i < 128; i++) values[i] = i === 96 ? 127 : (i % 2 === 0 ? 1 : -1) * (i - 96 + 0.5);
  const bytes = encodeTensor("w", values, 96, "Q8_0");
  t.is(bytes.length, 34 * 300);
  const decoded = decodeTensor(bytes, "Q8_0");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let block = 0; block < 300; block++) {
    const { scale, quants } = plainBlock([...values.subarray(32 * block, 32 * block + 32)]);
    t.is(plainNumber(view.getUint16(34 * block, true)), scale, `block ${block}`);
    t.deepEqual(
      Array.from({ length: 32 }, (_, i) => view.getInt8(34 * block + 2 + i)),
      quants,
      `block ${block}`,
    );
    t.deepEqual(
      decoded.slice(32 * block, 32 * block + 32),
      Float32Array.from(quants, (quant) => quant * scale),
    );
  }
});

test("F32 and F16 come back as they were, F16 rounded", (t) => {
  const next = uniform(3);
  const values = Float32Array.from({ length: 77 }, () => (next() - 0.5) * 20);
  t.deepEqual(decodeTensor(encodeTensor("w", values, 77, "F32"), "F32"), values);
  const half = decodeTensor(encodeTensor("w", values, 77, "F16"), "F16");
  t.deepEqual(
    half,
    Float32Array.from(values, (x) => plainNumber(plainHalf(x))),
  );
  t.deepEqual(decodeTensor(encodeTensor("w", half, 77, "F16"), "F16"), half);
});

test("a tensor in the middle of a buffer is encoded and decoded alone", (t) => {
  const whole = Float32Array.from({ length: 96 }, (_, i) => i);
  for (const type of ["F32", "F16", "Q8_0"] as const) {
    const bytes = Uint8Array.of(1, ...encodeTensor("w", whole.subarray(32, 64), 32, type), 2);
    const decoded = decodeTensor(bytes.subarray(1, -1), type);
    t.is(decoded.length, 32);
    t.true(Math.abs(decoded[31] - 63) < 0.1);
  }
});

test("what a type cannot hold is refused and names the tensor", (t) => {
  const refused = (value: number, type: "F32" | "F16" | "Q8_0", message: RegExp, row = 32) =>
    t.throws(() => encodeTensor("blk.0.w", new Float32Array(32).fill(value), row, type), {
      code: "E_ARGUMENT",
      message,
    });
  refused(Number.NaN, "F32", /blk\.0\.w: expected finite numbers/);
  refused(Number.NEGATIVE_INFINITY, "Q8_0", /finite/);
  refused(65_520, "F16", /below 65520/);
  refused(1e8, "Q8_0", /below 8 million/);
  refused(1, "Q8_0", /multiples of 32/, 16);
  t.notThrows(() => encodeTensor("w", new Float32Array(32).fill(65_519), 32, "F16"));
});
