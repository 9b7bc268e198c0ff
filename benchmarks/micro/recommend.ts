/** A recommendation in process, all of its JavaScript included, beside the same job done by hand with a rival. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../lib/data/random.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { sasrecForms, sasrecModel } from "../peers/onnx/sasrec.js";
import { int64s, ONNX_RUNTIME, type OnnxSession, onnxRuntime } from "../peers/onnxruntime.js";
import { saveService } from "../service/folder.js";
import { duel } from "./duel.js";
import { encoderSizes, randomEncoder } from "./encoderModel.js";
import type { Bench, Part } from "./part.js";
import type { Task } from "./timing.js";

const k = 10;
const { length } = encoderSizes;
const sizes = { users: 1000, items: 10_000, shortest: length, longest: length };
/** Seconds in which it is due. */
const due = 100e-6;

/** By id of a known user: history, state, search, what the user has left out, ids. */
export const recommendPart: Part = async (bench) => {
  const path = await mkdtemp(join(tmpdir(), "llama4rec-recommend-"));
  try {
    const folder = await saveService(path, sizes);
    await using recommender = await Recommender.open(folder, { languageModel: false });
    const random = new Random(3);
    const user = (): number => random.below(sizes.users);
    const { rivals, release } = await rivalsOf(bench, recommender, user);
    try {
      const timed = await duel(() => void recommender.recommendSync({ user: user(), k }), rivals, bench.race);
      const name = "recommend over 10k items, SASRec, histories of 50";
      return [{ name, ...timed, limit: { name: "allowed", seconds: due }, goals: { peer: 1, limit: 1 } }];
    } finally {
      await release();
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
};

/** The rival in each of its forms, with the code around it that a service would write. */
async function rivalsOf(
  bench: Bench,
  recommender: Recommender,
  user: () => number,
): Promise<{ rivals: Map<string, Task>; release: () => Promise<void> }> {
  const rivals = new Map<string, Task>();
  const runtime = onnxRuntime();
  if ("missing" in runtime) {
    bench.note(runtime.missing);
    return { rivals, release: async () => {} };
  }
  const histories = Array.from({ length: sizes.users }, (_, who) => recommender.historyOf(who).map(Number));
  const model = randomEncoder(sizes.items);
  const sessions: OnnxSession[] = [];
  for (const form of sasrecForms) {
    // So many that ten are left when those that the user has are taken out.
    const session = await runtime.open(sasrecModel(model, k + length, form), bench.machine.threads);
    sessions.push(session);
    const byHand = async (who: number): Promise<number[]> => {
      const history = histories[who];
      const seen = new Set(history);
      const items = runtime.ids(int64s(Int32Array.from(history)), [1, length]);
      const { ids } = await session.run({ items });
      return Array.from(ids.data, Number)
        .filter((item) => !seen.has(item))
        .slice(0, k);
    };
    for (let who = 0; who < 5; who++) {
      const [ours, theirs] = [recommender.recommendSync({ user: who, k }).ids, await byHand(who)];
      const same = ours.filter((item) => theirs.includes(Number(item))).length;
      if (same < k - 1) throw new Error(`user ${who}: expected ${theirs}, got ${ours}`); // states are float32
    }
    rivals.set(`${ONNX_RUNTIME}, ${form} form`, async () => void (await byHand(user())));
  }
  return {
    rivals,
    release: async () => {
      for (const session of sessions) await session.release();
    },
  };
}
