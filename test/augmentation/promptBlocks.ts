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

const TEMPLATES = [DIRECT_TEMPLATE, SEQUENTIAL_TEMPLATE];
const QUESTIONS = TEMPLATES.flatMap(({ question }) => [question.choose, question.compare]);
const HEADINGS = [
  ...TEMPLATES.flatMap(({ history, similarUser, prediction }) => [history, similarUser, prediction]),
  ...TEMPLATES.map(({ question }) => question.title),
  ...QUESTIONS,
];

/** Reads a prompt back: what stands under each heading or question, up to the next one. */
export function blocksOf(prompt: string): Blocks {
  const blocks = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of prompt.split("\n").filter((line) => line !== "")) {
    if (HEADINGS.includes(line)) {
      current = [];
      blocks.set(line, current);
    } else if (current === undefined) throw new Error(`no heading before ${line}`);
    else current.push(line.trim());
  }
  const { history, similarUser, prediction } = DIRECT_TEMPLATE;
  const under = (heading: string): string[] => blocks.get(heading) ?? [];
  return {
    history: under(history),
    similar: under(similarUser),
    prediction: under(prediction),
    candidates: QUESTIONS.flatMap(under).map((line) => line.replace(/^[A-Z]\. /, "")),
  };
}
