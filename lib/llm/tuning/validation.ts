import { Random } from "../../data/random.js";
import type { TrainView } from "../../data/trainView.js";
import { dense, item, softmaxLoss, step } from "../../native/autograd.js";
import type { LoraLayers } from "../pocket/lora.js";
import type { LlamaNetwork } from "../pocket/network.js";
import type { InstructionSource } from "./instructions.js";
import type { TuneValidation } from "./options.js";
import { batchRows, type PackedBatch, type PackedRow, type Packer } from "./packing.js";
import { STREAMS } from "./streams.js";

/** Tokens of a pass. */
const PASS_TOKENS = 7168;
/** Most users that are asked about: more would take longer than they tell. */
const MOST_USERS = 500;

/** Questions about held-out rows, the same at every look: the next title, and it against another item. */
export class ValidationSet {
  readonly #batches: readonly PackedBatch[];

  /** Prompts hold the whole training history; the answers are the rows'. */
  constructor(
    view: TrainView,
    { users, items }: TuneValidation,
    source: InstructionSource,
    packer: Packer,
    context: number,
    seed: number,
  ) {
    const asked = [...users.keys()].filter((row) => view.userCounts[users[row]] > 0);
    const stride = Math.max(1, Math.ceil(asked.length / MOST_USERS));
    const batches: PackedBatch[] = [];
    let rows: PackedRow[] = [];
    let tokens = 0;
    const weights = { historyWeight: 0, ratingWeight: 0, answerWeight: 1 };
    for (let at = 0; at < asked.length; at += stride) {
      const row = asked[at];
      const random = new Random(seed, STREAMS.validation + row);
      const packed = packer.pack(source.heldOut(users[row], items[row], random), weights, context, random);
      rows.push(packed);
      tokens += packed.tails.reduce((sum, tail) => sum + tail.length, packed.prefix.length);
      if (tokens >= PASS_TOKENS) {
        batches.push(batchRows(rows));
        rows = [];
        tokens = 0;
      }
    }
    if (rows.length > 0) batches.push(batchRows(rows));
    this.#batches = batches;
  }

  /** Mean loss of an answer's token in nats. */
  *losses(
    network: LlamaNetwork,
    lora: LoraLayers | null,
  ): Generator<readonly [loss: number, weight: number]> {
    for (const batch of this.#batches)
      yield step(() => {
        const states = network.states(batch, { lora: lora ?? undefined, rows: batch.sources });
        const loss = softmaxLoss(states, dense(network.head), batch.targets, batch.weights);
        return [item(loss), batch.weights.reduce((sum, weight) => sum + weight, 0)] as const;
      });
  }
}
