/** How many titles of each list a prompt keeps. */
export interface KeptTitles {
  /** The newest of the user's own history. */
  readonly history: number;
  /** The newest of the similar user's history. */
  readonly similar: number;
  /** The first of the backbone's prediction. */
  readonly prediction: number;
}

/**
 * The most titles that fit, by whole titles. What does not fit goes in this order: the user's oldest titles down to
 * `historyFloor`, the similar user's oldest, the prediction's last, the rest of the user's own. If not even the empty
 * lists fit, they are what is returned.
 *
 * @param fits whether a prompt that keeps so many titles fits; fewer titles never take more room
 */
export function fitTitles(
  available: KeptTitles,
  historyFloor: number,
  fits: (kept: KeptTitles) => boolean,
): KeptTitles {
  const floor = Math.min(historyFloor, available.history);
  let kept = available;
  const shrink = (field: keyof KeptTitles, floor: number): void => {
    kept = { ...kept, [field]: largest(floor, kept[field], (n) => fits({ ...kept, [field]: n })) };
  };
  shrink("history", floor);
  shrink("similar", 0);
  shrink("prediction", 0);
  shrink("history", 0);
  return kept;
}

/** The largest n in [low, high] that passes, or `low` if none does. */
function largest(low: number, high: number, passes: (n: number) => boolean): number {
  if (passes(high)) return high;
  let [good, bad] = [low, high];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (passes(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
