import { DIRECT_TEMPLATE } from "../../lib/llm/prompts/direct.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";

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
  const [first, ...lines] = prompt.split("\n");
  const template = [DIRECT_TEMPLATE, SEQUENTIAL_TEMPLATE].find(({ instruction }) =>
    Object.values(instruction).includes(first),
  );
  if (template === undefined) throw new Error(`no template begins with ${first}`);
  const { history, similarUser, prediction, candidates, question } = template;
  const headings = [history, similarUser, prediction, candidates, question.title, question.label];
  const blocks = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    if (headings.includes(line.trim())) {
      current = [];
      blocks.set(line.trim(), current);
    } else if (line !== "") current.push(line);
  }
  const under = (heading: string): string[] => blocks.get(heading) ?? [];
  return {
    history: under(history),
    similar: under(similarUser),
    prediction: under(prediction),
    candidates: under(candidates).map((line) => line.replace(/^[A-Z]\. /, "")),
  };
}
