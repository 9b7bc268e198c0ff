/** Whom the method helps: test rows cut by activity of the user and by popularity of the item. */

import { differenceOf } from "./compare.js";
import type { BackboneOutcome } from "./outcome.js";
import type { RowName, Segmentation, SegmentBucket } from "./summary.js";

/** Users from which on there are enough for ten buckets; below it there are three. */
const ENOUGH = 3000;

/** A test row of one backbone and seed. */
interface Measured {
  readonly user: number;
  readonly size: number;
  readonly base: number;
  readonly ours: number;
}

/**
 * The whole method against Base by how much is known of the user or the item: terciles, or deciles from 3,000 test users on, pooled
 * over seeds and backbones. Rows of equal size stay together.
 */
export function segmentations(all: readonly BackboneOutcome[], row: RowName = "llama4rec"): Segmentation[] {
  const isError = all.some(({ outcomes }) => outcomes.some(({ seeds }) => "rmse" in seeds[0].metrics));
  return (["activity", "popularity"] as const).flatMap((by) => {
    const rows = all.flatMap((one) => measuredRows(one, row, by));
    return rows.length === 0 ? [] : [{ by, buckets: bucketsOf(rows, by, isError) }];
  });
}

function measuredRows(
  { outcomes, facts }: BackboneOutcome,
  name: RowName,
  by: Segmentation["by"],
): Measured[] {
  const base = outcomes.find(({ row }) => row === "base");
  const ours = outcomes.find(({ row }) => row === name);
  if (base === undefined || ours === undefined) return [];
  return ours.seeds.flatMap((mine, at) => {
    const theirs = base.seeds[at];
    const sizes = by === "activity" ? facts[at].interactions : facts[at].popularity;
    return mine.users.map((user, n) => ({
      user,
      size: sizes[n],
      base: theirs.values[n],
      ours: mine.values[n],
    }));
  });
}

/** @param isError Whether the values are squared errors, whose metric is the root of their mean. */
function bucketsOf(rows: readonly Measured[], by: Segmentation["by"], isError: boolean): SegmentBucket[] {
  const users = new Set(rows.map(({ user }) => user)).size;
  const count = users >= ENOUGH ? 10 : 3;
  const sizes = rows.map(({ size }) => size).sort((a, b) => a - b);
  const ends = Array.from(
    { length: count },
    (_, n) => sizes[Math.ceil(((n + 1) * sizes.length) / count) - 1],
  );
  const limits = [...new Set(ends)];
  return limits.map((end, n) => {
    const above = n === 0 ? -1 : limits[n - 1];
    const own = rows.filter(({ size }) => size > above && size <= end);
    const metric = (of: (row: Measured) => number): number => {
      const mean = own.reduce((sum, row) => sum + of(row), 0) / own.length;
      return isError ? Math.sqrt(mean) : mean;
    };
    const base = metric((row) => row.base);
    const ours = metric((row) => row.ours);
    // Squared errors over the sum of both RMSE of the bucket: their mean over its rows is the difference of the two.
    const scale = isError ? base + ours || 1 : 1;
    const what = by === "activity" ? "interactions" : "users have the item";
    return {
      label: n === 0 ? `up to ${end} ${what}` : `${above + 1} to ${end} ${what}`,
      rows: own.length,
      base,
      ours,
      difference: differenceOf(byUser(own, scale)),
    };
  });
}

/** Mean difference of each user: rows of several seeds and backbones are not independent. */
function byUser(rows: readonly Measured[], scale: number): number[] {
  const of = new Map<number, number[]>();
  for (const { user, base, ours } of rows) of.set(user, [...(of.get(user) ?? []), (ours - base) / scale]);
  return Array.from(of.values(), (values) => values.reduce((sum, value) => sum + value, 0) / values.length);
}
