import { argumentError } from "../../native/errors.js";

/** Tasks that one set of weights can serve. */
export type InstructionTask = "direct" | "sequential" | "rating";

/** All of them. */
export const INSTRUCTION_TASKS: readonly InstructionTask[] = ["direct", "sequential", "rating"];

/** What an instruction asks for: a title, the best of several, the better of two, a rating. */
export type InstructionKind = "title" | "choose" | "compare" | "rate";

/** How often a task is asked about, relative to the others; 0 leaves it out. */
export type TaskMix = Readonly<Record<InstructionTask, number>>;

const KINDS: readonly InstructionKind[] = ["title", "choose", "compare", "rate"];

/** Questions of each kind about one user; ranking kinds are shared out among the ranking tasks by the mix. */
export type KindCounts = Readonly<Record<InstructionKind, number>>;

/** Part of a tuning: so many tokens with one learning rate and one choice of questions. */
export interface TuningStage {
  readonly name: string;
  /** Tokens that go through the network. */
  readonly tokens: number;
  /** The highest; reached after the warm-up, then down to a tenth along a cosine. */
  readonly learningRate: number;
  readonly questions: KindCounts;
  /** Share of rows and questions that show what conventional models say. */
  readonly hintRate: number;
  /** Weight of the titles of the history in the loss; an answer's token weighs {@link TuningStage.answerWeight}. */
  readonly historyWeight: number;
  /** Weight of the ratings in the history. */
  readonly ratingWeight: number;
  /** Weight of an answer's token: a label or a rating; titles weigh 1. */
  readonly answerWeight: number;
}

/** Tokens of a whole tuning unless the caller says otherwise. */
export const DEFAULT_TOKENS = 8_000_000;

/** Histories first, then instructions: the recipe in two stages over `tokens` tokens. */
export function defaultStages(tokens = DEFAULT_TOKENS): readonly TuningStage[] {
  return [
    {
      name: "histories",
      tokens: Math.round(tokens * 0.6),
      learningRate: 3e-3,
      questions: { title: 2, choose: 0, compare: 3, rate: 3 },
      hintRate: 0,
      historyWeight: 1,
      ratingWeight: 1,
      answerWeight: 1,
    },
    {
      name: "instructions",
      tokens: Math.round(tokens * 0.4),
      learningRate: 1.5e-3,
      questions: { title: 3, choose: 1, compare: 10, rate: 6 },
      hintRate: 0.4,
      historyWeight: 0.5,
      ratingWeight: 1,
      answerWeight: 3,
    },
  ];
}

/** Every task as often as the others. */
export const EVEN_MIX: TaskMix = { direct: 1, sequential: 1, rating: 1 };

/** @throws Llama4RecError `E_ARGUMENT` for a weight that is negative or not finite, or none above 0. */
export function checkMix(mix: TaskMix): void {
  for (const task of INSTRUCTION_TASKS)
    if (!(Number.isFinite(mix[task]) && mix[task] >= 0))
      throw argumentError(`mix.${task}`, "a number of at least 0", mix[task]);
  if (INSTRUCTION_TASKS.every((task) => mix[task] === 0))
    throw argumentError("mix", "a task with a weight above 0", mix);
}

/** @throws Llama4RecError `E_ARGUMENT` naming what is wrong with the stages, also one that learns nothing with this mix. */
export function checkStages(stages: readonly TuningStage[], mix: TaskMix): void {
  if (!Array.isArray(stages) || stages.length === 0)
    throw argumentError("stages", "an array of at least one stage", stages);
  for (const [index, stage] of stages.entries()) {
    const name = `stages[${index}]`;
    if (typeof stage !== "object" || stage === null) throw argumentError(name, "a stage", stage);
    if (typeof stage.name !== "string") throw argumentError(`${name}.name`, "a text", stage.name);
    if (!(Number.isSafeInteger(stage.tokens) && stage.tokens >= 1))
      throw argumentError(`${name}.tokens`, "a positive integer", stage.tokens);
    if (!(stage.learningRate > 0 && stage.learningRate <= 1))
      throw argumentError(`${name}.learningRate`, "a number in (0, 1]", stage.learningRate);
    for (const key of ["historyWeight", "ratingWeight", "answerWeight"] as const)
      if (!(Number.isFinite(stage[key]) && stage[key] >= 0))
        throw argumentError(`${name}.${key}`, "a number of at least 0", stage[key]);
    if (!(stage.hintRate >= 0 && stage.hintRate <= 1))
      throw argumentError(`${name}.hintRate`, "a rate in [0, 1]", stage.hintRate);
    if (typeof stage.questions !== "object" || stage.questions === null)
      throw argumentError(`${name}.questions`, "a count of each kind", stage.questions);
    for (const kind of KINDS) {
      const count = stage.questions[kind];
      if (!(Number.isInteger(count) && count >= 0 && count <= 1000))
        throw argumentError(`${name}.questions.${kind}`, "an integer in 0..1000", count);
    }
    if (!learns(stage, mix))
      throw argumentError(name, "something with a weight above 0 that the mix asks about", "nothing");
  }
}

/** Whether any token of a stage can weigh in the loss. */
function learns(stage: TuningStage, { direct, sequential, rating }: TaskMix): boolean {
  const { historyWeight, ratingWeight, answerWeight, questions } = stage;
  const { title, choose, compare, rate } = questions;
  const ranks = direct + sequential > 0;
  const answers = (ranks && choose + compare > 0) || (rating > 0 && rate > 0);
  return historyWeight > 0 || ratingWeight > 0 || (ranks && title > 0) || (answerWeight > 0 && answers);
}
