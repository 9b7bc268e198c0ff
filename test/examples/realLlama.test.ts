/** The example for a Llama of billions, on a stand-in: the embedded pocket Llama with an adapter tuned in seconds. */
import { join } from "node:path";
import test from "ava";
import { Llama4RecError, loadLanguageModel, tune, writeTuned } from "llama4rec";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { folderOf } from "../datasets/temporary.js";
import { run, shop, shopFolder, shopView } from "./parts.js";

const base = embeddedModel()?.modelPath ?? "";

/** Whether node-llama-cpp runs here: adapters need it. */
const runs = await loadLanguageModel({ modelPath: base, runner: "llama.cpp" }).then(
  (model) => model.dispose().then(() => true),
  (error: unknown) => {
    if (error instanceof Llama4RecError && error.code === "E_DEPENDENCY") return false;
    throw error;
  },
);
const withLlamaCpp = runs ? test : test.skip;

withLlamaCpp("conventional at once, refined by base and adapter afterwards", async (t) => {
  const folder = await shopFolder(t, { mixing: { alpha1: 0.5, alpha2: 0.3 } });
  const lora = join(folderOf(t, {}), "adapter.gguf");
  const settings = { batchTokens: 500 };
  const tuning = { base, view: shopView, seed: 1, tokens: 1000, lora: { rank: 2 }, settings, hints: null };
  await writeTuned(lora, await tune({ ...tuning, worker: false }));
  const user = String(shop.users.idAt(5));
  const { output, ended } = run(
    t,
    "realLlama",
    ...["--folder", folder, "--model", base, "--lora", lora, "--user", user],
  );
  t.is(await ended, 0, output());
  const [first, again, inline] = output().trim().split("\n");
  t.regex(first, /^first +conventional \(pending\), [\d.]+ ms: \d+( \d+){9}$/);
  t.regex(again, /^again +both, alpha 0\.\d+, [\d.]+ ms: \d+( \d+){9}$/);
  t.regex(inline, /^inline +both, alpha 0\.\d+, [\d.]+ ms: \d+( \d+){9}$/);
  const ids = (line: string): string[] => line.split(": ")[1].split(" ").sort();
  t.deepEqual(ids(again), ids(first), "the same ten");
});

withLlamaCpp("a folder without a mixing is told", async (t) => {
  const { output, ended } = run(t, "realLlama", "--folder", await shopFolder(t, {}), "--model", base);
  t.is(await ended, 1);
  t.regex(output(), /expected a folder that was saved with a mixing/);
});

test("so is a model that is missing", async (t) => {
  const { output, ended } = run(t, "realLlama");
  t.is(await ended, 1);
  t.regex(output(), /expected --model or LLAMA_MODEL/);
});
