import { call } from "../native/addon.js";
import { present, room } from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";
import { type KernelOptions, processorOnly } from "./device.js";

/** Sequences side by side without padding, and how their tokens see each other. */
export interface AttentionOptions extends KernelOptions {
  /** Sequence `s` is the tokens `offsets[s] .. offsets[s + 1])`: rising from 0 to the number of tokens. */
  readonly offsets: Int32Array;
  /** d, of a token with all its heads. */
  readonly dimension: number;
  /** Heads, side by side in a token; divides `dimension`. Default 1. */
  readonly heads?: number;
  /** A token sees itself and those before it; else its whole sequence. Default true. */
  readonly causal?: boolean;
  /** Of the scores, at least 0. Default 1 / sqrt(dimension / heads): Vaswani et al., NIPS 2017, Eq. 1. */
  readonly scale?: number;
  /** `[tokens x dimension]`: written over and returned; by default new memory. */
  readonly into?: Float32Array;
}

/**
 * Attention within each of many sequences of any lengths, `softmax(scale q k^T) v` head by head: `[tokens x dimension]`.
 * A sequence has the same bits whatever stands beside it. Numbers that are not finite are not looked for: they spread to what they touch.
 *
 * @param queries `[tokens x dimension]` row-major, as `keys` and `values`.
 * @throws Llama4RecError `E_ARGUMENT` for sizes that do not fit or memory shared with what is read, `E_DEVICE` for a
 *   device that is not there.
 * @example
 * ```ts
 * const tokens = new Float32Array([1, 0, 0, 1]); // two tokens of two numbers
 * sequenceAttention(tokens, tokens, tokens, { offsets: Int32Array.of(0, 2), dimension: 2 });
 * ```
 */
export function sequenceAttention(
  queries: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  options: AttentionOptions,
): Float32Array {
  processorOnly(options);
  const { offsets, dimension, heads = 1, causal = true } = options;
  if (!Number.isInteger(dimension) || dimension < 1)
    throw argumentError("dimension", "an integer of at least 1", dimension);
  if (!Number.isInteger(heads) || heads < 1 || dimension % heads !== 0)
    throw argumentError("heads", `a divisor of ${dimension}`, heads);
  const { scale = 1 / Math.sqrt(dimension / heads) } = options;
  present("queries", queries, Float32Array);
  const into = options.into ?? room(Float32Array, queries.length);
  call((addon) =>
    addon.sequenceAttention(queries, keys, values, offsets, dimension, heads, scale, causal, into),
  );
  return into;
}
