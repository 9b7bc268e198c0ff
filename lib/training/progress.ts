import { corrupt } from "../storage/header.js";
import { isObject } from "../storage/json.js";
import type { Stored } from "./checkpoint.js";
import type { EpochReport } from "./options.js";

/** Values of all parameters, in their order, at the end of an epoch. */
export interface GoodState {
  readonly epoch: number;
  /** Null where that epoch was not validated. */
  readonly validation: number | null;
  readonly values: readonly Float32Array[];
}

/** How far a training has come: all that it goes on from, beside the parameters and what Adam keeps for them. */
export interface Progress {
  /** The epoch under way, from 1. */
  epoch: number;
  /** Batches of it that are done. */
  batches: number;
  /** Steps done in all. */
  steps: number;
  /** Sum over those batches of loss times weight, and of the weights. */
  loss: number;
  weight: number;
  /** Validations since the best one. */
  sinceBest: number;
  history: EpochReport[];
  /** The best validated state, else the one at the end of the last epoch. */
  good: GoodState | null;
  /**
   * Score of the parameters as they are, where the last epoch is validated only because it is the last: a training of
   * more epochs goes on as if it had never been, so nothing else here knows of it.
   */
  final: number | null;
}

/** Most updates that a parameter can be given back: its rows count theirs in 32 bits, and training goes on from there. */
const mostUpdates = 2 ** 31 - 2 ** 20;

/**
 * Progress of a training with that many parameters, read from a file.
 * @throws Llama4RecError `E_CORRUPT` naming the path and the first entry that no training could have written.
 */
export function checkedProgress(path: string, value: unknown, parameters: number): Stored<Progress> {
  const check = (holds: boolean, name: string): void => {
    if (!holds) throw corrupt(path, `its progress has no valid ${name}`);
  };
  check(isObject(value), "entries");
  const { epoch, batches, steps, loss, weight, sinceBest, history, good, final, updates } = value as Readonly<
    Record<keyof Stored<Progress>, unknown>
  >;
  check(isCount(epoch) && epoch >= 1, "epoch");
  check(isCount(batches), "batches");
  check(isCount(steps) && steps >= Number(batches), "steps");
  check(Number.isFinite(loss), "loss");
  check(Number.isFinite(weight) && Number(weight) >= 0, "weight");
  check(isCount(sinceBest), "sinceBest");
  check(Array.isArray(history) && history.length === Number(epoch) - 1 && history.every(isReport), "history");
  check(good === null || isGood(good, Number(epoch)), "good");
  check(isNumberOrNull(final), "final");
  check(areUpdates(updates, parameters, Number(steps)), "updates");
  return value as Stored<Progress>;
}

/** Whether these can be the updates of so many parameters after so many steps. */
export const areUpdates = (value: unknown, parameters: number, steps: number): boolean =>
  Array.isArray(value) &&
  value.length === parameters &&
  value.every((count) => isCount(count) && count <= Math.min(steps, mostUpdates));

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
export const isNumberOrNull = (value: unknown): boolean => value === null || Number.isFinite(value);

const isReport = (value: unknown, index: number): boolean =>
  isObject(value) &&
  value.epoch === index + 1 &&
  isCount(value.epochs) &&
  Number.isFinite(value.loss) &&
  isNumberOrNull(value.validation) &&
  isNumberOrNull(value.best);

const isGood = (value: unknown, epoch: number): boolean =>
  isObject(value) &&
  isCount(value.epoch) &&
  value.epoch >= 1 &&
  value.epoch < epoch &&
  isNumberOrNull(value.validation);
