import { setImmediate as nextTurn } from "node:timers/promises";
import type { LlamaNetwork } from "./network.js";
import { evaluate, type Pass } from "./pass.js";
import { readNetwork } from "./pocketFile.js";

/** Where passes run, one at a time. */
export interface PassRunner {
  /**
   * What the pass reads. The signal ends it before its next block.
   * @throws The signal's reason, or whatever went wrong.
   */
  run(pass: Pass, signal: AbortSignal): Promise<Float32Array>;
  /** Frees the network. */
  dispose(): Promise<void>;
}

/** Runs passes on the calling thread, which has a turn between two blocks. */
export class InlineRunner implements PassRunner {
  readonly #network: LlamaNetwork;

  private constructor(network: LlamaNetwork) {
    this.#network = network;
  }

  /** @throws Llama4RecError as {@link readNetwork}. */
  static async start(path: string, sha256: string): Promise<InlineRunner> {
    return new InlineRunner(await readNetwork(path, sha256));
  }

  run(pass: Pass, signal: AbortSignal): Promise<Float32Array> {
    return evaluate(this.#network, pass, async () => {
      await nextTurn();
      signal.throwIfAborted();
    });
  }

  async dispose(): Promise<void> {
    this.#network[Symbol.dispose]();
  }
}
