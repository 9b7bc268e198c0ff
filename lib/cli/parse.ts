/** Values of command-line options: each parser says what it expected. */

import { InvalidArgumentError } from "commander";
import { INSTRUCTION_TASKS, type InstructionTask, type TaskMix } from "../llm/tuning/mix.js";
import type { SearchRange } from "../models/backbone.js";

/** A whole number in a range. */
export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < low || value > high)
      throw new InvalidArgumentError(`expected a whole number in ${low}..${high}.`);
    return value;
  };
}

/** `name=number`, added to what earlier ones said. */
export function assignment(text: string, soFar: Record<string, number> = {}): Record<string, number> {
  const [name, value, ...rest] = text.split("=");
  if (rest.length > 0 || !name || !value || !Number.isFinite(Number(value)))
    throw new InvalidArgumentError("expected name=number.");
  return { ...soFar, [name]: Number(value) };
}

/** `name=low..high`, `name=low..high:log` or `name=a,b,c`, added to what earlier ones said. */
export function searchRange(
  text: string,
  soFar: Record<string, SearchRange> = {},
): Record<string, SearchRange> {
  const [name, values, ...rest] = text.split("=");
  const range = rest.length === 0 && name && values ? rangeOf(values) : null;
  if (range === null)
    throw new InvalidArgumentError("expected name=low..high, name=low..high:log or name=a,b,c.");
  return { ...soFar, [name]: range };
}

function rangeOf(text: string): SearchRange | null {
  const ends = /^(?<low>.+?)\.\.(?<high>.+?)(?<log>:log)?$/.exec(text)?.groups;
  const numbers = (ends === undefined ? text.split(",") : [ends.low, ends.high]).map((part) =>
    part.trim() === "" ? Number.NaN : Number(part),
  );
  if (!numbers.every(Number.isFinite)) return null;
  if (ends === undefined) return { values: numbers };
  const [low, high] = numbers;
  return { low, high, scale: ends.log === undefined ? "linear" : "log" };
}

/** A path, or a name that leads to one. */
export function path(text: string): string {
  if (text === "") throw new InvalidArgumentError("expected a path.");
  return text;
}

/** A path, added to earlier ones. */
export function paths(text: string, soFar: readonly string[] = []): readonly string[] {
  return [...soFar, path(text)];
}

/** `field=NAME` of a table, added to what earlier ones said. */
export function columnNames(text: string, soFar: Record<string, string> = {}): Record<string, string> {
  const [field, column, ...rest] = text.split("=");
  if (rest.length > 0 || !column || !["user", "item", "rating", "timestamp"].includes(field))
    throw new InvalidArgumentError("expected user=NAME, item=NAME, rating=NAME or timestamp=NAME.");
  return { ...soFar, [field]: column };
}

/** `direct=2,sequential=1`: weights of tasks; those not named get none. */
export function taskMix(text: string): TaskMix {
  const mix: Record<InstructionTask, number> = { direct: 0, sequential: 0, rating: 0 };
  for (const part of text.split(",")) {
    const [name, weight, ...rest] = part.split("=");
    const task = INSTRUCTION_TASKS.find((known) => known === name.trim());
    if (
      task === undefined ||
      rest.length > 0 ||
      !weight ||
      !(Number(weight) >= 0 && Number(weight) < Infinity)
    )
      throw new InvalidArgumentError("expected weights such as direct=1,sequential=1,rating=0.5.");
    mix[task] = Number(weight);
  }
  return someTask(mix);
}

/** `direct,rating`: tasks, each as often as the others. */
export function taskList(text: string): TaskMix {
  const mix: Record<InstructionTask, number> = { direct: 0, sequential: 0, rating: 0 };
  for (const name of text.split(",")) {
    const task = INSTRUCTION_TASKS.find((known) => known === name.trim());
    if (task === undefined)
      throw new InvalidArgumentError(`expected some of ${INSTRUCTION_TASKS.join(",")}.`);
    mix[task] = 1;
  }
  return mix;
}

function someTask(mix: TaskMix): TaskMix {
  if (INSTRUCTION_TASKS.every((task) => mix[task] === 0))
    throw new InvalidArgumentError("expected a task with a weight above 0.");
  return mix;
}

/** `MF,SGL`: names. */
export function names(text: string): readonly string[] {
  const all = text.split(",").map((name) => name.trim());
  if (all.some((name) => name === "")) throw new InvalidArgumentError("expected names with commas between.");
  return all;
}

/** `1,2,5`: whole numbers in a range. */
export function wholeNumbers(low: number, high: number): (text: string) => readonly number[] {
  const one = wholeNumber(low, high);
  return (text) => text.split(",").map(one);
}
