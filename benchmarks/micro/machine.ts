/** The machine and its limits, measured in the run that uses them. The one place to add a probe to. */

import { cpus } from "node:os";
import { cpuInfo, native } from "../../lib/native/addon.js";

/** Rates at which this machine can work at most, best of several tries. */
export interface Limits {
  /** GB/s of reading a table once, by its size in bytes. */
  readonly read: Readonly<Record<string, number>>;
  /** float32 multiply-adds, GFLOP/s. */
  readonly fma: number;
  /** int8 multiply-adds into 32 bits, 1e9 operations/s. */
  readonly multiplyBytes: number;
}

/** Where rows were measured. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  /** Instruction-set level in use. */
  readonly level: string;
  readonly node: string;
  /** Threads of the engine and of its rivals. */
  readonly threads: number;
  readonly limits: Limits;
}

/** Bytes of a row of 64 floats. */
export const ROW_BYTES = 256;

/** Tables of 64 columns whose read rate is told: they sit in a core's cache, the last level, memory. */
export const TABLE_ROWS = [10_000, 100_000, 1_000_000] as const;

/** Reading rate for so many bytes, GB/s. */
export const readRate = (bytes: number, threads: number): number => native().readBandwidth(bytes, threads);

/** Measures the limits; takes about half a second. */
export function measureMachine(threads: number): Machine {
  const { level, processors } = cpuInfo();
  const read = TABLE_ROWS.map((rows) => [rows * ROW_BYTES, readRate(rows * ROW_BYTES, threads)] as const);
  return {
    processor: cpus()[0]?.model ?? "unknown",
    processors,
    level,
    node: process.version,
    threads,
    limits: {
      read: Object.fromEntries(read),
      fma: native().fmaRate(threads),
      multiplyBytes: native().byteMultiplyRate(threads),
    },
  };
}

/** One line for people. */
export function machineText({ processor, processors, level, node, threads }: Machine): string {
  return `${processor}, ${processors} processors, level ${level}, Node ${node}; ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** The limits in words. */
export function limitTexts({ read, fma, multiplyBytes }: Limits): string[] {
  const texts = Object.entries(read).map(
    ([bytes, rate]) => `read ${(Number(bytes) / 1e6).toFixed(1)} MB: ${rate.toFixed(1)} GB/s`,
  );
  texts.push(`FMA float32: ${fma.toFixed(1)} GFLOP/s`);
  texts.push(`multiply-add int8: ${multiplyBytes.toFixed(0)} GOP/s`);
  return texts;
}
