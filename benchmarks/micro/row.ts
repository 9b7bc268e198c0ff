/** One line of the benchmarks: our time against a rival's or against what the machine allows. */

import type { Timing } from "./timing.js";

/** All times are seconds of what `unit` names. */
export interface Row {
  /** Part of the benchmarks that measured it. */
  readonly section: string;
  readonly name: string;
  /** `s/call`, `s/step`, `s/epoch`; `CPU s/...` where CPU time is compared. */
  readonly unit: string;
  /** Median. */
  readonly ours: number;
  /** Fastest call. */
  readonly oursBest: number;
  /** CPU time of one of ours, all threads. */
  readonly cpu: number;
  /** Median of the rival; null where there is none or it is not installed. */
  readonly peer: number | null;
  readonly peerBest: number | null;
  readonly peerCpu: number | null;
  readonly peerName: string | null;
  /** The time at the machine's limit, or the one allowed; null where it is not known. */
  readonly limit: number | null;
  readonly limitName: string | null;
  /** `limit / ours`: 1 is the limit itself, and more is possible where less has to be read than the limit counts. */
  readonly share: number | null;
  /** What `ratio` and `goal` are against: `peerName`, `limitName`, or the rivals that are missing. */
  readonly against: string | null;
  /** How many times faster than that, by medians. */
  readonly ratio: number | null;
  /** Than the rival by CPU time, which no other load on the machine touches; null against a limit. */
  readonly cpuRatio: number | null;
  /** Least ratio that counts as good; null: none is set. */
  readonly goal: number | null;
  readonly note: string | null;
}

/** What a rival took. */
export interface Rival {
  readonly name: string;
  readonly timing: Timing;
}

/** Work that was timed, with what it is held against. */
export interface Work {
  readonly name: string;
  /** Default `s/call`. */
  readonly unit?: string;
  readonly ours: Timing;
  /** Null: no rival does this. Empty: those that do are not installed. The fastest one counts. */
  readonly rivals?: readonly Rival[] | null;
  readonly limit?: { readonly name: string; readonly seconds: number | null };
  /** Least ratios. A goal makes a row of its own. */
  readonly goals?: { readonly peer?: number; readonly limit?: number };
  readonly note?: string;
}

/** Said where no rival could be asked. */
export const NO_RIVAL = "no rival installed: npm run bench:peers";

/** A row against the fastest rival and one against the limit, as far as goals name them; at least one. */
export function rowsOf(section: string, work: Work): Row[] {
  const { name, unit = "s/call", ours, rivals = null, limit = null, goals = {}, note = null } = work;
  const peer = fastest(rivals ?? []);
  const limitSeconds = limit?.seconds ?? null;
  const common = {
    section,
    name,
    unit,
    ours: ours.median,
    oursBest: ours.best,
    cpu: ours.cpu,
    peer: peer?.timing.median ?? null,
    peerBest: peer?.timing.best ?? null,
    peerCpu: peer?.timing.cpu ?? null,
    peerName: peer?.name ?? null,
    limit: limitSeconds,
    limitName: limit?.name ?? null,
    share: limitSeconds === null ? null : limitSeconds / ours.median,
  };
  const rows: Row[] = [];
  if (limit !== null && (goals.limit !== undefined || rivals === null))
    rows.push({
      ...common,
      against: limit.name,
      ratio: common.share,
      cpuRatio: null,
      goal: goals.limit ?? null,
      note,
    });
  if (rivals !== null)
    rows.push({
      ...common,
      against: peer?.name ?? null,
      ratio: peer === null ? null : peer.timing.median / ours.median,
      cpuRatio: peer === null ? null : peer.timing.cpu / ours.cpu,
      goal: goals.peer ?? null,
      note: peer === null ? NO_RIVAL : note,
    });
  if (rows.length === 0)
    rows.push({ ...common, against: null, ratio: null, cpuRatio: null, goal: null, note });
  return rows;
}

/** Work that may take so many seconds. */
export function allowed(name: string, ours: Timing, seconds: number): Work {
  return { name, ours, limit: { name: "what is allowed", seconds }, goals: { limit: 1 } };
}

/** The rival with the least median. */
function fastest(rivals: readonly Rival[]): Rival | null {
  return rivals.reduce<Rival | null>(
    (best, rival) => (best === null || rival.timing.median < best.timing.median ? rival : best),
    null,
  );
}

/** Whether a row reached its goal; null where it has none or nothing to compare with. */
export function reached({ ratio, goal }: Row): boolean | null {
  return ratio === null || goal === null ? null : ratio >= goal;
}

/** Time of a task by its CPU time, for figures that were measured so. */
export function byCpu(timing: Timing): Timing {
  return { ...timing, median: timing.cpu, best: timing.cpu, p99: timing.cpu };
}
