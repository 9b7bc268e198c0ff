import test from "ava";
import type { Token } from "node-llama-cpp";
import { llamaRuntime } from "../../lib/llm/llamaRuntime.js";
import { type NextLogits, PrefixSequence } from "../../lib/llm/prefixSequence.js";
import { temporaryFolder, writeTinyModel } from "./files.js";
import { uniform } from "./random.js";
import { tinyPrefix, tinyTokens } from "./tinyGguf.js";

const folder = await temporaryFolder();
const { llama } = await llamaRuntime(false);
const model = await llama.loadModel({ modelPath: await writeTinyModel(folder.path), gpuLayers: 0 });
const context = await model.createContext({
  contextSize: 256,
  sequences: 1,
  threads: 1,
  flashAttention: false,
});
const sequence = context.getSequence();
test.after.always(async () => {
  await context.dispose();
  await model.dispose();
  await folder.remove();
});

const CHUNK = 16;
const go = (): void => {};
const tokens = (text: string): Token[] => tinyTokens(text) as Token[];
const TAIL = tokens(" Up\n");

interface Setup {
  readonly held: PrefixSequence;
  readonly counter: { evaluatedTokens: number; reusedTokens: number };
}

async function fresh(): Promise<Setup> {
  await sequence.clearHistory();
  const counter = { evaluatedTokens: 0, reusedTokens: 0 };
  return { held: new PrefixSequence(sequence, CHUNK, counter), counter };
}

async function scores(held: PrefixSequence): Promise<(NextLogits | undefined)[]> {
  return held.read(
    TAIL.slice(0, -1),
    TAIL.map((token) => [token]),
  );
}

test.serial(
  "of another prefix whole chunks are kept, and the bits are those of an empty sequence",
  async (t) => {
    const next = uniform(9);
    const text = (n: number): string => "abcdefghij".repeat(20).slice(0, n);
    const { held, counter } = await fresh();
    let [last, reused] = ["", 0];
    for (let round = 0; round < 12; round++) {
      const common = Math.floor(next() * 90);
      const prefix = text(common) + "x".repeat(Math.floor(next() * 60) + 1);
      const body = tinyPrefix(prefix).slice(0, -1);
      const before = tinyPrefix(last).slice(0, -1);
      const different = body.findIndex((token, i) => token !== before[i]);
      const shared = different < 0 ? body.length : different;
      const isSame = shared === body.length && before.length === body.length;
      if (round > 0) reused += isSame ? shared : shared - (shared % CHUNK);
      last = prefix;
      await held.hold(tinyPrefix(prefix) as Token[], go);
      const warm = await scores(held);
      t.is(counter.reusedTokens, reused);
      const alone = await fresh();
      await alone.held.hold(tinyPrefix(prefix) as Token[], go);
      t.deepEqual(warm, await scores(alone.held), `round ${round}`);
      // The same sequence goes on for the other holder, whose state is the same now.
    }
  },
);

test.serial("what was appended or generated leaves no trace", async (t) => {
  const prefix = tinyPrefix("abcdefghij".repeat(5)) as Token[];
  const { held, counter } = await fresh();
  await held.hold(prefix, go);
  const expected = await scores(held);
  await held.append([], [TAIL[0]]);
  await held.append(tokens("xyz"), [TAIL[0]]);
  await held.hold(prefix, go);
  t.deepEqual(await scores(held), expected);
  for await (const _ of held.generate()) if (counter.evaluatedTokens > 90) break;
  await held.hold(prefix, go);
  t.deepEqual(await scores(held), expected);
});

test.serial("appended tokens are read as a tail would be", async (t) => {
  const { held } = await fresh();
  await held.hold(tinyPrefix("abc") as Token[], go);
  const tail = await held.read(tokens("de"), [undefined, undefined, [TAIL[0]]]);
  await held.append([], []);
  const appended = await held.append(tokens("de"), [TAIL[0]]);
  const [a, b] = [appended.logits.get(TAIL[0]) ?? 0, tail[2]?.logits.get(TAIL[0]) ?? 1];
  t.true(Math.abs(a - b) < 0.02, `${a} ${b}`);
});

test.serial("a hold that was stopped goes on where it was", async (t) => {
  const prefix = tinyPrefix("abcdefghij".repeat(10)) as Token[];
  const { held, counter } = await fresh();
  let steps = 0;
  const stop = (): void => {
    if (++steps > 4) throw new Error("stop");
  };
  await t.throwsAsync(held.hold(prefix, stop), { message: "stop" });
  t.is(counter.evaluatedTokens, 3 * CHUNK);
  await held.hold(prefix, go);
  t.is(counter.evaluatedTokens, prefix.length - 1);
  const warm = await scores(held);
  const alone = await fresh();
  await alone.held.hold(prefix, go);
  t.deepEqual(warm, await scores(alone.held));
});
