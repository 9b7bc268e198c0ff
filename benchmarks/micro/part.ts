/** What a part of the benchmarks gets and gives. */

import type { Machine } from "./machine.js";
import type { Work } from "./row.js";
import type { RaceOptions } from "./timing.js";

/** What all parts share. */
export interface Bench {
  readonly machine: Machine;
  /** For {@link race}. */
  readonly race: RaceOptions;
  /** GGUF of the language model; null: one with random weights. */
  readonly modelPath: string | null;
  /** Says something that belongs to no row; said once. */
  note(text: string): void;
}

/** Measures some work. Throws where a result is wrong: what is wrong is not timed. */
export type Part = (bench: Bench) => Promise<readonly Work[]>;

/** Parts by name: `section/part`. */
export type Parts = Readonly<Record<string, Part>>;

/**
 * Names of the parts that are asked for, in the order of `parts`: a section or a part each; none asks for all.
 * @throws RangeError that names what is unknown.
 */
export function selectParts(parts: Parts, asked: readonly string[]): string[] {
  const names = Object.keys(parts);
  const belongs = (name: string, to: string): boolean => name === to || name.startsWith(`${to}/`);
  const unknown = asked.find((wanted) => !names.some((name) => belongs(name, wanted)));
  if (unknown !== undefined) {
    const sections = [...new Set(names.map(sectionOf))];
    throw new RangeError(`expected some of ${[...sections, ...names].join(", ")}, got ${unknown}`);
  }
  return asked.length === 0 ? names : names.filter((name) => asked.some((wanted) => belongs(name, wanted)));
}

/** "topk" of "topk/10k". */
export const sectionOf = (part: string): string => part.split("/")[0];
