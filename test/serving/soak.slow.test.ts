import { setImmediate, setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { Random } from "../../lib/data/random.js";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { saveRecommender } from "../../lib/serving/save.js";
import type { RecommendRequest } from "../../lib/serving/types.js";
import { type Fault, FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { type Shelf, savedShelf, shelfOf, userId } from "./shelf.js";

const seconds = Number(process.env.LLAMA4REC_SOAK_SECONDS ?? 300);
const faults: readonly Fault[] = ["none", "none", "none", "throw", "hang", "late", "nan", "invented"];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What the process holds after a collection, in bytes: JavaScript's, and all of it with what is native. */
async function held(): Promise<{ readonly javascript: number; readonly resident: number }> {
  for (let round = 0; round < 3; round++) {
    collect();
    await setTimeout(20);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { javascript: heapUsed + external, resident: rss };
}

test(`${seconds} s of mixed load, swaps, updates, cold users and faults: every answer is right, and memory does not grow`, async (t) => {
  t.timeout((seconds + 60) * 1000);
  const embedded = embeddedModel();
  if (embedded === null) return t.fail("models/shop.gguf is not there");
  const model = new FaultyLanguageModel();
  const parts = { languageModel: embedded.modelPath, mixing: { alpha1: 0.8, alpha2: 0.5 } };
  const folder = await savedShelf(t, shelfOf(), parts);
  await using recommender = await Recommender.open(folder, {
    languageModel: model,
    scheduler: { pauseMs: 200 },
  });
  const shelves = new Map<string, Shelf>([[recommender.snapshot, shelfOf()]]);
  const end = performance.now() + seconds * 1000;
  const counts = { answers: 0, refined: 0, swaps: 0, updates: 0 };
  /** Users who have something that no training knows. */
  const changed = new Set<string>();

  const ask = async (random: Random): Promise<void> => {
    while (performance.now() < end) {
      await setImmediate(); // as a request comes from a socket: timers have their turn
      model.fault = faults[random.below(faults.length)];
      const user = random.below(40);
      const id = userId(user);
      const kind = random.below(10);
      if (kind === 0) {
        const item = 1000 + random.below(60);
        const whom = random.below(2) === 0 ? id : `new-${random.below(500)}`;
        changed.add(whom);
        recommender.update({ interactions: [{ user: whom, item }] });
        counts.updates++;
        const after = await recommender.recommend({ user: whom, k: 60 });
        t.false(after.ids.includes(item), "the next answer knows it");
        continue;
      }
      if (kind === 1) {
        const history = Array.from({ length: random.below(8) }, () => 1000 + random.below(70));
        const { ids } = await recommender.recommend({ history, mode: "inline", deadlineMs: 10 });
        t.true(ids.length === 10 && new Set(ids).size === 10);
        continue;
      }
      const mode = (["conventional", "inline", "background", "offline"] as const)[random.below(4)];
      const request: RecommendRequest = { user: id, k: 10, mode, deadlineMs: 5 + random.below(40) };
      const unchanged = !changed.has(id);
      const list = await recommender.recommend(request);
      counts.answers++;
      const shelf = shelves.get(list.snapshot);
      if (shelf === undefined) return t.fail("an unknown snapshot");
      if (list.notRefined === null) counts.refined++;
      if (!unchanged || changed.has(id)) continue;
      const expected = [...listOf(shelf, user)];
      if (list.notRefined !== null) t.deepEqual(list.ids, expected);
      else t.deepEqual([...list.ids].map(Number).sort(), expected.sort(), "the same ten, in another order");
      if (random.below(20) === 0) await setTimeout(random.below(5));
    }
  };
  const swap = async (): Promise<void> => {
    const pause = Math.min(10_000, seconds * 100);
    for (let seed = 2; performance.now() + pause < end; seed++) {
      await setTimeout(pause);
      const next = shelfOf({ seed: 1 + (seed % 7) });
      shelves.set(await saveRecommender(folder, { ...next, ...parts }), next);
      t.true(await recommender.reload());
      counts.swaps++;
    }
  };
  const memory: Awaited<ReturnType<typeof held>>[] = [];
  const weigh = async (): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      await setTimeout(Math.max(0, (seconds * 1000) / 8 - 100));
      memory.push(await held());
    }
  };
  await Promise.all([1, 2, 3, 4].map((seed) => ask(new Random(seed))).concat(swap(), weigh()));
  t.true(counts.refined > 0 && counts.updates > 0 && counts.swaps > 0);
  for (const [kind, slack] of [
    ["javascript", 5e6],
    ["resident", 30e6],
  ] as const) {
    const bytes = memory.map((each) => each[kind]);
    t.log(kind, bytes.map((each) => Math.round(each / 1e5) / 10).join(" "), "MB", counts);
    const [early, late] = [Math.max(...bytes.slice(1, 4)), Math.min(...bytes.slice(5))];
    t.true(late < early * 1.1 + slack, `${kind}: ${early} bytes early on, ${late} late`);
  }
});

/** The ten that the model itself has for a user. */
function listOf({ ranker, view, items }: Shelf, user: number): number[] {
  const seen = view.itemsOf(user);
  const excluded = { offsets: Int32Array.of(0, seen.length), items: seen };
  return Array.from(topKRow(ranker.topK(Int32Array.of(user), { k: 10, excluded }), 0), (item) =>
    Number(items.idAt(item)),
  );
}
