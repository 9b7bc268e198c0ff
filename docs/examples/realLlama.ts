/**
 * A Llama-3 of billions of parameters with a LoRA adapter beside a recommender. It takes seconds for a list, so answers do not
 * wait for it: they are the conventional list at once, and the refined one when the user comes again.
 *
 * The folder needs a mixing, and no file: `saveRecommender(folder, { ..., mixing: { alpha1: 0.5, alpha2: 0.3 } })`.
 */
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { loadLanguageModel, type Recommendation, Recommender } from "llama4rec";

const { values } = parseArgs({
  options: {
    folder: { type: "string", default: "recommender" },
    model: { type: "string" },
    lora: { type: "string" },
    cache: { type: "string" },
    user: { type: "string", default: "" },
  },
});
const modelPath = values.model ?? process.env.LLAMA_MODEL;
const lora = values.lora ?? process.env.LLAMA_LORA;
if (modelPath === undefined) throw new Error("expected --model or LLAMA_MODEL, the path of a GGUF");

await using languageModel = await loadLanguageModel({
  modelPath,
  lora, // a GGUF made for this very model: see docs/tuning.md
  gpu: "auto",
  cacheFolder: values.cache, // answers outlive the process
});
await using recommender = await Recommender.open(values.folder, {
  languageModel,
  mode: "background",
  deadlineMs: 5000, // of requests that ask for mode inline
});
if (!recommender.refines) throw new Error(`${values.folder}: expected a folder that was saved with a mixing`);

const show = (when: string, { ids, notRefined, alpha, timings }: Recommendation): void => {
  const by = notRefined === null ? `both, alpha ${alpha.toFixed(2)}` : `conventional (${notRefined})`;
  console.log(`${when.padEnd(7)} ${by}, ${timings.totalMs.toFixed(1)} ms: ${ids.join(" ")}`);
};

const [found] = recommender.findUsers(values.user, { limit: 1 }); // ids may be numbers or texts
if (found === undefined) throw new Error(`expected a user whose id begins with ${values.user}`);
const user = found.id;

show("first", await recommender.recommend({ user }));
while (busy()) await setTimeout(50); // a service would just go on
show("again", await recommender.recommend({ user }));

// Where an answer is worth seconds, a request may wait; past its deadline it is the conventional list.
const [item] = (await recommender.recommend({ user, k: 1 })).ids;
recommender.update({ interactions: [{ user, item }] });
show("inline", await recommender.recommend({ user, mode: "inline" }));

function busy(): boolean {
  const { waiting, running } = recommender.stats().scheduler;
  return waiting + running > 0;
}
