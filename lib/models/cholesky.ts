/**
 * Solves `A x = b` in place for a symmetric positive definite A `[d x d]`, whose lower half is read and overwritten by its
 * Cholesky factor.
 */
export function solveCholesky(a: Float64Array, x: Float64Array, d: number): void {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * d + j];
      for (let k = 0; k < j; k++) sum -= a[i * d + k] * a[j * d + k];
      a[i * d + j] = i === j ? Math.sqrt(sum) : sum / a[j * d + j];
    }
  }
  solveFactored(a, x, d);
}

/** The same with the factor that {@link solveCholesky} has left in `a`. */
export function solveFactored(a: Float64Array, x: Float64Array, d: number): void {
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < i; k++) x[i] -= a[i * d + k] * x[k];
    x[i] /= a[i * d + i];
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let k = i + 1; k < d; k++) x[i] -= a[k * d + i] * x[k];
    x[i] /= a[i * d + i];
  }
}
