import test from "ava";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { temporaryFolder, writeTinyModel } from "./files.js";

const folder = await temporaryFolder();
const model = await LlamaCpp.load({ modelPath: await writeTinyModel(folder.path) });
test.after.always(async () => {
  await model.dispose();
  await folder.remove();
});

test("a text follows its grammar to the end", async (t) => {
  const numbered = await model.complete({
    prompt: "Rate:",
    maxTokens: 9,
    grammar: 'root ::= " " [1-5] "/5"',
  });
  if (!numbered.answered) return t.fail(numbered.detail);
  t.regex(numbered.text, /^ [1-5]\/5$/);
  t.is(numbered.ended, "end");
  const choice = { prompt: "Which?", maxTokens: 20, grammar: 'root ::= (" Alien" | " Heidi") "\\n"' };
  const chosen = await model.complete(choice);
  if (!chosen.answered) return t.fail(chosen.detail);
  t.true([" Alien\n", " Heidi\n"].includes(chosen.text));
  t.deepEqual(await model.complete(choice), chosen);
});

test("length and stop texts end it as ever", async (t) => {
  const long = await model.complete({ prompt: "x", maxTokens: 4, grammar: 'root ::= "a"+' });
  t.deepEqual(long, { answered: true, text: "aaaa", ended: "length" });
  const stopped = await model.complete({ prompt: "x", maxTokens: 9, grammar: 'root ::= "abc"', stop: ["c"] });
  t.deepEqual(stopped, { answered: true, text: "ab", ended: "stop" });
});

test("a grammar that cannot be read, or that no text follows, is a programmer error", async (t) => {
  const bad = [
    "nonsense",
    'start ::= "a"',
    "root ::= other",
    'root ::= root "a" | "b"',
    "root ::= [z-a]",
    String.raw`root ::= [a\]\u0062-\x61]`,
    "root ::= <[9999]>",
  ];
  for (const grammar of bad)
    await t.throwsAsync(model.complete({ prompt: "x", maxTokens: 4, grammar }), {
      code: "E_ARGUMENT",
      message: /^grammar/,
    });
  const fine = String.raw`root ::= "[z-a]" [\-a-z] # [z-a] <[9]>`;
  t.like(await model.complete({ prompt: "x", maxTokens: 9, grammar: fine }), {
    answered: true,
    ended: "end",
  });
  await t.throwsAsync(model.complete({ prompt: "x", maxTokens: 4, grammar: "" }), { code: "E_ARGUMENT" });
});
