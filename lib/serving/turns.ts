/** Steps of a loop between two turns of the event loop: well under a millisecond each time. */
const aTurn = 2 ** 16;

/** The event loop's turn: requests go on. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Does the steps from 0 to `count - 1`, some at a time, and lets the event loop have its turn between. */
export async function inTurns(count: number, steps: (begin: number, end: number) => void): Promise<void> {
  for (let begin = 0; begin < count; begin += aTurn) {
    if (begin > 0) await turn();
    steps(begin, Math.min(count, begin + aTurn));
  }
}
