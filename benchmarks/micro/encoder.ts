import { native } from "../../lib/native/addon.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { type EncoderBlock, type EncoderModel, SequenceEncoder } from "../../lib/native/sequenceEncoder.js";
import { dimension, randomTable } from "./lines.js";
import { duration, medianSeconds } from "./timing.js";

const length = 50;
const hidden = 64;
const blocks = 2;

function weights(count: number, deviation: number, seed: number): Float32Array {
  const rows = randomTable(`weights ${seed}`, Math.ceil(count / dimension));
  const values = rows.read().slice(0, count);
  rows.dispose();
  return values.map((value) => value * deviation);
}

/** An encoder with random weights. */
function randomEncoder(items: number): EncoderModel {
  const d = dimension;
  const ones = new Float32Array(d).fill(1);
  const zeros = new Float32Array(d);
  const block = (number: number): EncoderBlock => ({
    norm1Gain: ones,
    norm1Bias: zeros,
    qkv: weights(d * 3 * d, 0.1, 10 * number),
    qkvBias: new Float32Array(3 * d),
    out: weights(d * d, 0.1, 10 * number + 1),
    outBias: zeros,
    norm2Gain: ones,
    norm2Bias: zeros,
    up: weights(d * hidden, 0.1, 10 * number + 2),
    upBias: new Float32Array(hidden),
    down: weights(hidden * d, 0.1, 10 * number + 3),
    downBias: zeros,
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
      inputScale: 8,
      epsilon: 1e-5,
    },
    items: weights(items * d, 0.1, items),
    positions: weights(length * d, 0.1, 1),
    blocks: Array.from({ length: blocks }, (_, number) => block(number + 1)),
    normGain: ones,
    normBias: zeros,
  };
}

/** Multiply-adds of one history, times two, the last block for its last token alone. */
function operationsOfHistory(): number {
  const d = dimension;
  const whole = length * 2 * d * (4 * d + 2 * hidden) + 2 * 2 * d * ((length * (length + 1)) / 2);
  const last = length * 2 * d * 2 * d + 2 * d * (2 * d + 2 * hidden) + 2 * 2 * d * length;
  return (blocks - 1) * whole + last;
}

/** History to top-10 from JavaScript, and the encoder alone. */
export async function encoderLines(): Promise<string[]> {
  const peak = native().fmaRate(1);
  const lines: string[] = [];
  for (const items of [10_000, 100_000]) {
    using encoder = new SequenceEncoder(randomEncoder(items));
    for (const batch of [1, 64]) {
      const histories = {
        offsets: Int32Array.from({ length: batch + 1 }, (_, row) => row * length),
        items: Int32Array.from({ length: batch * length }, (_, i) => (i * 7919) % items),
      };
      if (topKRow(encoder.topK(histories, { k: 10 }), 0).length !== 10) throw new Error("a short list");
      const times = await medianSeconds({
        encode: () => encoder.encode(histories),
        topK: () => encoder.topK(histories, { k: 10 }),
      });
      const gigaflops = (batch * operationsOfHistory()) / times.encode / 1e9;
      lines.push(
        `SASRec serving (L 50, d 64, 2 blocks), ${batch} ${batch === 1 ? "history" : "histories"} to top-10 of ` +
          `${items.toLocaleString("en")}: p50 ${duration(times.topK)}, of which the encoder ${duration(times.encode)} ` +
          `(${gigaflops.toFixed(1)} of ${peak.toFixed(1)} GFLOP/s)`,
      );
    }
  }
  return lines;
}
