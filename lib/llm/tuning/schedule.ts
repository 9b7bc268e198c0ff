/** Share of a stage's tokens over which the learning rate rises. */
const WARM_UP = 0.05;
/** What is left of the highest learning rate at the end. */
const FLOOR = 0.1;

/**
 * Share of the highest learning rate when `done` of a stage, 0 to 1, lies behind: a linear warm-up, then a cosine down to
 * a tenth (Loshchilov and Hutter, SGDR, ICLR 2017, Eq. 5).
 */
export function learningRateShare(done: number): number {
  if (done < WARM_UP) return (done + 1e-3) / (WARM_UP + 1e-3);
  const at = Math.min(1, (done - WARM_UP) / (1 - WARM_UP));
  return FLOOR + (1 - FLOOR) * 0.5 * (1 + cosineOfHalfTurn(at));
}

/** `cos(pi x)` for x in [0, 1] by its series about 1/2, error below 1e-9: the same bits on every machine, unlike Math.cos. */
function cosineOfHalfTurn(x: number): number {
  const angle = Math.PI * (0.5 - x);
  const square = angle * angle;
  let sum = 0;
  for (let k = 17; k >= 3; k -= 2) sum = (-square / (k * (k - 1))) * (1 + sum);
  return angle * (1 + sum);
}
