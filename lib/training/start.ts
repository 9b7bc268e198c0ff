import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import type { TrainColumns, TrainView } from "../data/trainView.js";
import { resolveHyperparameters } from "../models/backbone.js";
import { cpuInfo } from "../native/addon.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { unlessAborted, withCaller } from "./caller.js";
import { type DefinitionSource, loadDefinition, moduleText, type Purpose } from "./definition.js";
import { trainInline } from "./inline.js";
import type { TrainingJob } from "./messages.js";
import type { CheckpointOptions, CommonTrainOptions } from "./options.js";
import type { Outcome } from "./outcome.js";
import { trainInWorker } from "./workerClient.js";

/** A training of any task; its options are checked. */
export interface Start<Served extends Disposable, Result>
  extends Pick<TrainingJob, "purpose" | "validation" | "extraPairs" | "insertions"> {
  readonly options: CommonTrainOptions & {
    readonly validate?: (candidate: Served) => number | Promise<number>;
  };
  readonly source: DefinitionSource;
  readonly purpose: Purpose;
  readonly outcome: Outcome<Served, Result>;
}

/** Trains here or on a thread of its own. */
export async function startTraining<Served extends Disposable, Result>({
  options,
  source,
  outcome,
  ...parts
}: Start<Served, Result>): Promise<Result> {
  const { backbone, view, seed, evaluateEvery = 5, patience = 8 } = options;
  const { worker = true, threads, hyperparameters = {} } = options;
  const common = { ...parts, module: moduleText(source), hyperparameters, seed, evaluateEvery, patience };
  return await withCaller(options, outcome, async (caller) => {
    const { signal } = caller;
    const checkpoint = options.checkpoint === undefined ? null : await writableCheckpoint(options.checkpoint);
    if (!worker) {
      const definition = await unlessAborted(loadDefinition(source), signal);
      return await trainInline({ ...common, checkpoint, definition, view, threads }, caller, outcome);
    }
    if (source.kind === "here")
      throw argumentError(
        "backbone",
        "a registered definition or { module, export }, which a worker thread can load, or the option worker: false",
        backbone,
      );
    if (source.kind === "registered") resolveHyperparameters(await loadDefinition(source), hyperparameters);
    const job = { ...common, checkpoint, source, view: columnsOf(view) };
    const most = threads ?? Math.max(1, cpuInfo().processors - 1);
    return await trainInWorker({ ...job, threads: most }, caller, outcome);
  });
}

/** The columns alone: a clone of the view itself would carry what the other side makes for itself. */
const columnsOf = (view: TrainView): TrainColumns => ({
  userCount: view.userCount,
  itemCount: view.itemCount,
  offsets: view.offsets,
  items: view.items,
  ratings: view.ratings,
  titles: view.titles,
  itemAttributes: view.itemAttributes,
  userAttributes: view.userAttributes,
});

/** A checkpoint that can be written, before any work is done for it. */
async function writableCheckpoint({
  path,
  everySeconds = 60,
  resume = true,
}: CheckpointOptions): Promise<Required<CheckpointOptions>> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new Llama4RecError("E_FILE", `cannot write ${path}: its folder does not exist or is read-only`, {
      cause,
    });
  }
  return { path, everySeconds, resume };
}
