import type { LlamaGrammarEvaluationState, LlamaModel } from "node-llama-cpp";
import { argumentError } from "../native/errors.js";
import type { LlamaRuntime } from "./llamaRuntime.js";

/**
 * The beginning of a text under a GBNF grammar.
 *
 * @throws Llama4RecError `E_ARGUMENT` if llama.cpp cannot read the grammar, or no text can follow it.
 */
export async function beginGrammar(
  { llama }: LlamaRuntime,
  model: LlamaModel,
  grammar: string,
): Promise<LlamaGrammarEvaluationState> {
  if (model.tokens.eos === null && model.tokens.eot === null)
    throw argumentError("grammar", "a model with a token that ends texts", "none");
  checkSatisfiable(grammar);
  const { LlamaGrammarEvaluationState } = await import("node-llama-cpp");
  try {
    return new LlamaGrammarEvaluationState({ model, grammar: await llama.createGrammar({ grammar }) });
  } catch {
    throw argumentError("grammar", "a GBNF grammar with a rule root that llama.cpp can read", grammar);
  }
}

const PARTS = /"(?:\\.|[^"\\])*"|#[^\n]*|<\[\d+\]>|\[(?:\\.|[^\]\\])*\]/gs;
const CHARACTER = String.raw`\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\.|[^\\]`;
const RANGES = new RegExp(`(${CHARACTER})(?:-(${CHARACTER}))?`, "gsu");

/** llama.cpp's binding ends the process where a grammar allows no token, as an empty range or an unknown token id does. */
function checkSatisfiable(grammar: string): void {
  for (const [part] of grammar.matchAll(PARTS)) {
    if (part.startsWith("<")) throw argumentError("grammar", "characters, no token ids", part);
    if (!part.startsWith("[")) continue;
    for (const [range, first, last = first] of part.slice(1, -1).matchAll(RANGES))
      if (codePointOf(last) < codePointOf(first))
        throw argumentError("grammar", "ranges from a lower to a higher character", range);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function codePointOf(character: string): number {
  if (/^\\[xuU]./.test(character)) return Number.parseInt(character.slice(2), 16);
  const [, escaped] = /^\\(.)$/su.exec(character) ?? [];
  const plain = escaped === undefined ? character : (ESCAPES[escaped] ?? escaped);
  return plain.codePointAt(0) ?? 0;
}
