import { DIRECT_TEMPLATE } from "../../lib/llm/prompts/direct.js";

/** The title lists of a prompt. */
export interface Blocks {
  readonly history: readonly string[];
  readonly similar: readonly string[];
  readonly prediction: readonly string[];
  /** Without their labels. */
  readonly candidates: readonly string[];
}

/** Reads a prompt back: what stands under each heading, up to the next one. */
export function blocksOf(prompt: string): Blocks {
  const { history, similarUser, prediction, candidates, question, instruction } = DIRECT_TEMPLATE;
  const headings = [history, similarUser, prediction, candidates, question.title, question.label];
  const blocks = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of prompt.split("\n")) {
    if (headings.includes(line.trim())) {
      current = [];
      blocks.set(line.trim(), current);
    } else if (line !== "" && line !== instruction.rank && line !== instruction.compare) current.push(line);
  }
  const under = (heading: string): string[] => blocks.get(heading) ?? [];
  return {
    history: under(history),
    similar: under(similarUser),
    prediction: under(prediction),
    candidates: under(candidates).map((line) => line.replace(/^[A-Z]\. /, "")),
  };
}
