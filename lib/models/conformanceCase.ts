/** One property that every backbone must have. */
export interface ConformanceCase {
  readonly name: string;
  /** Resolves when the property holds; rejects with an `Error` that says what was expected and what came. */
  run(): Promise<void>;
}

/** Fails with both unless the property holds. */
export function expect(holds: boolean, expected: string, received: unknown): void {
  if (!holds) throw new Error(`expected ${expected}, got ${String(received)}`);
}

/** Fails at the first number that is not the same. */
export function same(a: ArrayLike<number>, b: ArrayLike<number>, what: string): void {
  expect(a.length === b.length, `${what}: ${a.length} numbers`, b.length);
  for (let i = 0; i < a.length; i++) expect(Object.is(a[i], b[i]), `${what}: ${a[i]} at ${i}`, b[i]);
}
