import pc from "picocolors";

/** A line for data without timestamps, where "last" and "next" mean nothing; else none. */
export function orderNote(ordered: boolean): readonly string[] {
  return ordered ? [] : [pc.yellow("No timestamps: the order within a user is a shuffle by a seed.")];
}
