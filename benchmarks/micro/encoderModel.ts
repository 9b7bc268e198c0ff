/** A sequence encoder with random weights, and its states in float64, written in the plainest way. */

import type { EncoderBlock, EncoderModel } from "../../lib/native/sequenceEncoder.js";
import { normalTable } from "./random.js";

/** Sizes of SASRec here; one head. */
export const encoderSizes = { d: 64, length: 50, hidden: 64, blocks: 2 } as const;

/** A causal encoder over so many items, with scaled inputs and ReLU, as SASRec has them. */
export function randomEncoder(items: number): EncoderModel {
  const { d, length, hidden, blocks } = encoderSizes;
  let seed = 100;
  const normal = (rows: number, columns: number, mean = 0): Float32Array =>
    normalTable(rows, columns, seed++, 0.1).map((value) => mean + value);
  const block = (): EncoderBlock => ({
    norm1Gain: normal(1, d, 1),
    norm1Bias: normal(1, d),
    qkv: normal(d, 3 * d),
    qkvBias: normal(1, 3 * d),
    out: normal(d, d),
    outBias: normal(1, d),
    norm2Gain: normal(1, d, 1),
    norm2Bias: normal(1, d),
    up: normal(d, hidden),
    upBias: normal(1, hidden),
    down: normal(hidden, d),
    downBias: normal(1, d),
  });
  return {
    shape: {
      dimension: d,
      hidden,
      blocks,
      heads: 1,
      length,
      causal: true,
      activation: "relu",
      inputScale: Math.sqrt(d),
      epsilon: 1e-5,
    },
    items: normal(items, d),
    positions: normal(length, d),
    blocks: Array.from({ length: blocks }, block),
    normGain: normal(1, d, 1),
    normBias: normal(1, d),
  };
}

/** Multiply-adds of one whole history, times two, the last block for its last token alone. */
export function encoderOperations(): number {
  const { d, length, hidden, blocks } = encoderSizes;
  const whole = length * 2 * d * (4 * d + 2 * hidden) + 2 * 2 * d * ((length * (length + 1)) / 2);
  const last = length * 2 * d * 2 * d + 2 * d * (2 * d + 2 * hidden) + 2 * 2 * d * length;
  return (blocks - 1) * whole + last;
}

/** The state after a whole history of `length` items: Kang and McAuley, ICDM 2018, section III. */
export function referenceState({ shape, ...model }: EncoderModel, history: ArrayLike<number>): Float64Array {
  const { dimension: d, inputScale, epsilon } = shape;
  const norm = (x: Float64Array, gain: Float32Array, bias: Float32Array): Float64Array => {
    const mean = x.reduce((sum, value) => sum + value, 0) / d;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d;
    return x.map((value, j) => (gain[j] * (value - mean)) / Math.sqrt(variance + epsilon) + bias[j]);
  };
  let rows: Float64Array[] = Array.from(history, (item, place) =>
    Float64Array.from(
      { length: d },
      (_, j) => model.items[item * d + j] * inputScale + model.positions[place * d + j],
    ),
  );
  for (const block of model.blocks) {
    const qkv = rows.map((x) => linear(norm(x, block.norm1Gain, block.norm1Bias), block.qkv, block.qkvBias));
    rows = rows.map((x, place) => {
      const attended = attend(qkv.slice(0, place + 1), d);
      const y = sum(x, linear(attended, block.out, block.outBias));
      const up = linear(norm(y, block.norm2Gain, block.norm2Bias), block.up, block.upBias);
      return sum(
        y,
        linear(
          up.map((value) => Math.max(0, value)),
          block.down,
          block.downBias,
        ),
      );
    });
  }
  return norm(rows[rows.length - 1], model.normGain, model.normBias);
}

/** What the last of these tokens takes from all of them; each row holds query, key and value. */
function attend(qkv: readonly Float64Array[], d: number): Float64Array {
  const query = qkv[qkv.length - 1].subarray(0, d);
  const scores = qkv.map((row) => dot(query, row.subarray(d, 2 * d)) / Math.sqrt(d));
  const most = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - most));
  const total = weights.reduce((all, weight) => all + weight, 0);
  const out = new Float64Array(d);
  for (const [t, row] of qkv.entries())
    for (let j = 0; j < d; j++) out[j] += (weights[t] / total) * row[2 * d + j];
  return out;
}

function linear(x: Float64Array, weight: Float32Array, bias: Float32Array): Float64Array {
  const out = Float64Array.from(bias);
  for (let i = 0; i < x.length; i++)
    for (let j = 0; j < out.length; j++) out[j] += x[i] * weight[i * out.length + j];
  return out;
}

const sum = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, j) => value + b[j]);

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((all, value, j) => all + value * b[j], 0);
