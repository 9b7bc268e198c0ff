/** Training threads that are ended at all moments. */
import { setTimeout as sleep } from "node:timers/promises";
import { randomView } from "../models/planted.js";
import { fitModel } from "./fitModel.js";

/** Rounds after which memory is expected to be what it will be. */
const warmUp = 8;

/** Starts and ends training threads one after the other: MiB of resident memory that all after the first eight cost. */
export async function growthOfEndedThreads(rounds: number): Promise<number> {
  const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;
  const view = randomView(2000, 30, 4); // its user vectors alone take 8 MiB, and as much for each of Adam's moments
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const abort = (): void => controller.abort(reason);
    const training = fitModel({
      view,
      worker: true,
      hyperparameters: { epochs: 10_000, dimension: 1024 },
      signal: controller.signal,
      // Every other one is ended in the middle of its steps.
      onStep: round % 2 === 0 ? abort : undefined,
    });
    const ended = training.catch((error) => {
      if (error !== reason) throw error;
    });
    if (round % 2 === 1) await sleep((round * 37) % 150).then(abort);
    await ended;
    if (round === warmUp - 1) before = megabytes();
  }
  return megabytes() - before;
}
