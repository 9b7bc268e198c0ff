/**
 * Rivals that no Node process can run, by figures measured elsewhere: one thread of an AMD EPYC (Zen 4), CPU seconds. They are
 * scaled to this machine by the rate of float32 multiply-adds, and every row says so.
 */

import type { Bench } from "./part.js";
import type { Rival } from "./row.js";

/** FMA rate of one thread where these figures were measured, GFLOP/s. */
const QUOTED_FMA = 113.6;

/** What a row of such a rival says. */
export const QUOTED_NOTE = `quoted, scaled: measured elsewhere at ${QUOTED_FMA} GFLOP/s of one thread, scaled by the FMA rates; CPU time`;

/** CPU seconds as they were measured. */
export const quotedSeconds = {
  /** torch 1.13 (2.13: 85 to 90 ms), lean script: BCE, one negative a position, Adam, batch 128, L 50, d 64. */
  sasrec50Step: { name: "torch 1.13", seconds: 0.082 },
  /** torch 2.13, the same with L 200, d 50. */
  sasrec200Step: { name: "torch 2.13", seconds: 0.465 },
  /** torch 2.13 jit, SASRec of 2 blocks, 64 histories of 50 to the top-10 of so many items. */
  serving10k: { name: "torch 2.13 jit", seconds: 0.0055 },
  serving100k: { name: "torch 2.13 jit", seconds: 0.0268 },
  /** implicit 0.7.3, BPR, d 64: an epoch of 1,000,209 interactions. */
  mfEpoch: { name: "implicit 0.7.3", seconds: 0.4 },
  /** torch 2.13, CSR by MKL: 3 layers, d 64, batch 2,048; a step over a graph of 1.95 million non-zeros. */
  lightGcnStep: { name: "torch 2.13 CSR", seconds: 0.116 },
  /** torch, float32: a token of a pocket Llama's training, 3,000 a second. */
  pocketToken: { name: "torch float32", seconds: 1 / 3000 },
} as const;

/** A rival of these, `times` over. */
export function quoted(
  { machine }: Bench,
  { name, seconds }: { name: string; seconds: number },
  times = 1,
): Rival {
  const scaled = (seconds * times * QUOTED_FMA * machine.threads) / machine.limits.fma;
  return {
    name: `${name} (quoted, scaled)`,
    timing: { median: scaled, best: scaled, p99: scaled, cpu: scaled },
  };
}
