import {
  constant,
  dense,
  gather,
  logSoftmax,
  matmul,
  step,
  type Tensor,
  values,
} from "../../native/autograd.js";
import type { TokenBatch } from "./batch.js";
import type { LlamaNetwork } from "./network.js";

/** One pass through the network and what is read from it. Plain data: it crosses to a thread. */
export interface Pass {
  readonly batch: TokenBatch;
  /** Tokens of the batch after which something is read. */
  readonly rows: Int32Array;
  readonly read: /** `[rows]`: the log-probability, in nats, that `targets[i]` comes next. */
    | { readonly kind: "logProbabilities"; readonly targets: Int32Array }
    /** `[rows x tokens]`: logits of those tokens; null: of the whole vocabulary. */
    | { readonly kind: "logits"; readonly tokens: Int32Array | null };
}

/**
 * Runs a pass. Each block is a step of its own, so that memory holds one block at a time and a pass can be left between
 * two of them: `pause` is waited for before each, and what it throws ends the pass.
 * @returns What {@link Pass} reads, row-major.
 */
export async function evaluate(
  network: LlamaNetwork,
  { batch, rows, read }: Pass,
  pause: () => Promise<void> | void,
): Promise<Float32Array> {
  const { blocks, dimension } = network.shape;
  let states = step(() => values(network.embed(batch.tokens)));
  const input = (): Tensor => constant(states, batch.tokens.length, dimension);
  for (let block = 0; block < blocks - 1; block++) {
    await pause();
    states = step(() => values(network.block(block, input(), batch)));
  }
  await pause();
  return step(() => {
    const last = network.normalized(network.block(blocks - 1, input(), batch, { rows }));
    if (read.kind === "logProbabilities") return values(logSoftmax(last, dense(network.head), read.targets));
    const head = read.tokens === null ? dense(network.head) : gather(network.head, read.tokens);
    return values(matmul(last, head, { transposeB: true }));
  });
}
