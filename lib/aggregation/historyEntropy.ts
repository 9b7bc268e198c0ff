/** What {@link historyEntropy} reads of training data; a `TrainView` is one. */
export interface HistoryView {
  /** The user's training items. */
  itemsOf(user: number): Int32Array;
  /** `[items]`, how many users have each. */
  readonly itemCounts: Int32Array;
  /** By name one value per item: a text, or several; "" or an empty list where unknown. */
  readonly itemAttributes: Readonly<Record<string, readonly (string | readonly string[])[]>>;
}

/**
 * How varied a user's training history is: Shannon entropy, in nats, of the genres of its items. An item of several
 * genres counts in parts, one of none not at all. Where the data has no such attribute it is the entropy over items'
 * popularity, in classes of doubling counts (1, 2-3, 4-7, ..).
 *
 * @param attribute - Name of the item attribute, `genres` unless told.
 * @returns From 0, for a user of one class or none, to log(classes).
 */
export function historyEntropy(view: HistoryView, user: number, attribute = "genres"): number {
  const values = Object.hasOwn(view.itemAttributes, attribute) ? view.itemAttributes[attribute] : null;
  const weights = new Map<string | number, number>();
  for (const item of view.itemsOf(user)) {
    const classes =
      values === null
        ? [Math.floor(Math.log2(view.itemCounts[item]))]
        : [values[item]].flat().filter(Boolean);
    for (const name of classes) weights.set(name, (weights.get(name) ?? 0) + 1 / classes.length);
  }
  let total = 0;
  for (const weight of weights.values()) total += weight;
  let entropy = 0;
  for (const weight of weights.values()) entropy -= (weight / total) * Math.log(weight / total);
  return Math.max(0, entropy);
}
