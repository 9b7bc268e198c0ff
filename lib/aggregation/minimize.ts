/** A function's value at a point; writes the gradient. */
export type Objective = (at: Float64Array, gradient: Float64Array) => number;

const ITERATIONS = 200;
/** On the largest entry of the gradient; objectives here are means over rows. */
const TOLERANCE = 1e-7;
/** Share of the decrease promised by the slope that a step must bring (Armijo). */
const DECREASE = 1e-4;

/**
 * Minimises a smooth function of a few parameters: BFGS with steps halved until they bring enough (Nocedal and Wright,
 * "Numerical Optimization", algorithm 6.1). Plain float64 loops: the same input gives the same bits.
 *
 * @param start - `[n]`, not changed.
 * @returns `[n]`, where the gradient is almost 0 or no step brings anything any more.
 */
export function minimize(objective: Objective, start: Float64Array): Float64Array {
  const n = start.length;
  let at = start.slice();
  let gradient = new Float64Array(n);
  let value = objective(at, gradient);
  let inverse = identity(n);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    if (gradient.every((entry) => Math.abs(entry) < TOLERANCE)) break;
    let direction = gradient.map((_, i) => -dot(inverse.subarray(i * n, (i + 1) * n), gradient));
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      inverse = identity(n);
      direction = gradient.map((entry) => -entry);
      slope = -dot(gradient, gradient);
    }
    const next = { at: at.slice(), gradient: new Float64Array(n), value: Number.POSITIVE_INFINITY };
    let step = 1;
    for (; step > 1e-12; step /= 2) {
      next.at = at.map((entry, i) => entry + step * direction[i]);
      next.value = objective(next.at, next.gradient);
      if (next.value <= value + DECREASE * step * slope) break;
    }
    if (!(next.value < value)) break;
    update(
      inverse,
      next.at.map((entry, i) => entry - at[i]),
      next.gradient.map((entry, i) => entry - gradient[i]),
    );
    ({ at, gradient, value } = next);
  }
  return at;
}

/** The BFGS update of the inverse Hessian, left out where the function curves the wrong way along the step. */
function update(inverse: Float64Array, step: Float64Array, change: Float64Array): void {
  const n = step.length;
  const curvature = dot(step, change);
  if (!(curvature > 1e-14)) return;
  const moved = step.map((_, i) => dot(inverse.subarray(i * n, (i + 1) * n), change));
  const scale = (1 + dot(change, moved) / curvature) / curvature;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      inverse[i * n + j] += scale * step[i] * step[j] - (moved[i] * step[j] + step[i] * moved[j]) / curvature;
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, entry) => (entry % (n + 1) === 0 ? 1 : 0));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
