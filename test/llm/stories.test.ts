import test from "ava";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { buildPairPrompt, buildRankingPrompt } from "../../lib/llm/prompts/build.js";
import { storiesModel } from "./files.js";

// A third party's weights and vocabulary; skipped where the test data is not at hand.
const modelPath = storiesModel();
const withModel = modelPath === null ? test.skip : test;
const model = modelPath === null ? null : await LlamaCpp.load({ modelPath });
test.after.always(() => model?.dispose());
if (modelPath === null) test("skipped: no stories260K.gguf in the data folder", (t) => t.pass());

function loaded(): LlamaCpp {
  if (!model) throw new Error("no model");
  return model;
}

const history = Array.from({ length: 60 }, (_, i) => `The Little Red Ball ${i} (19${10 + i})`);
const candidates = Array.from({ length: 10 }, (_, i) => `A Day in the Park ${i} (1999)`);

withModel("continues a story as its author published it", async (t) => {
  const answer = await loaded().complete({ prompt: "Once upon a time", maxTokens: 60 });
  if (!answer.answered) return t.fail(answer.detail);
  const published =
    ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.";
  t.true(answer.text.startsWith(published), answer.text);
});

withModel("stops at a stop text", async (t) => {
  const answer = await loaded().complete({ prompt: "Once upon a time", maxTokens: 60, stop: ["."] });
  t.like(answer, { answered: true, ended: "stop", text: ", there was a little girl named Lily" });
});

withModel("finds what it has learnt likelier than what it has not", async (t) => {
  const candidates = [
    " zebra quantum",
    " time, there was a little girl named Lily.",
    " girl the Lily named little",
  ];
  const answer = await loaded().rank({
    prefix: "Once upon a",
    candidates,
    mode: "likelihood",
    normalization: "mean",
  });
  if (!answer.answered) return t.fail(answer.detail);
  t.is(answer.order[0], 1);
});

for (const mode of ["likelihood", "labels"] as const) {
  withModel(`${mode}: a long history is cut to the 512 tokens of its context and answered`, async (t) => {
    const prompt = buildRankingPrompt(
      { history, candidates, similarUserHistory: history, backbonePrediction: candidates.slice(0, 3) },
      { model: loaded(), mode },
    );
    const longest = Math.max(...prompt.candidates.map((candidate) => loaded().countTokens(candidate)));
    t.true(loaded().countTokens(prompt.prefix) + longest <= loaded().contextSize);
    t.true(prompt.kept.history > 0);
    const answer = await loaded().rank(prompt);
    if (!answer.answered) return t.fail(answer.detail);
    t.deepEqual(
      [...answer.order].sort((a, b) => a - b),
      [...candidates.keys()],
    );
    t.deepEqual(await loaded().rank(prompt), answer);
  });
}

withModel("a pair that is swapped swaps the preference", async (t) => {
  const ask = (items: readonly [string, string]) =>
    loaded().compare(buildPairPrompt({ history, items }, { model: loaded() }));
  const there = await ask(["The Big Dog", "Lily and the Cat"]);
  const back = await ask(["Lily and the Cat", "The Big Dog"]);
  if (!there.answered || !back.answered) return t.fail();
  t.is(back.margin, there.margin);
  t.not(back.preferred, there.preferred);
});

withModel("a history that does not fit is refused when nothing cuts it", async (t) => {
  const answer = await loaded().rank({ prefix: history.join("\n"), candidates, mode: "likelihood" });
  t.like(answer, { answered: false, reason: "too-long" });
});
