/**
 * How far the best score stands above the second, in standard deviations of all scores: without a unit, so that modes
 * compare. 0 for fewer than two scores or equal ones. Minus-the-place scores give the same margin for every list of a length.
 */
export function standardizedMargin(scores: Float64Array): number {
  if (scores.length < 2) return 0;
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
  const [best, second] = scores.toSorted((a, b) => b - a);
  return best > second ? (best - second) / Math.sqrt(variance) : 0;
}
