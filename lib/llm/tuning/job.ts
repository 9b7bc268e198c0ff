import { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import { chatFormatOf, POCKET_CHAT } from "../chat.js";
import { type LlamaShape, llamaShape } from "../gguf/llamaShape.js";
import { readGguf } from "../gguf/reader.js";
import { LoraLayers } from "../pocket/lora.js";
import { LlamaNetwork } from "../pocket/network.js";
import { networkOf } from "../pocket/pocketFile.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { promptTokens, type Tokens } from "../tokens.js";
import { BestWeights } from "./bestWeights.js";
import { catalogueTokenizer } from "./catalogueTokenizer.js";
import { TuningFile } from "./checkpoint.js";
import { HintReader } from "./hints.js";
import { InstructionSource } from "./instructions.js";
import {
  optimizerOf,
  runTuning,
  type TuningHost,
  type TuningProgress,
  type TuningRun,
  tuningStart,
} from "./loop.js";
import type { TuneJob, TuneReport } from "./options.js";
import { Packer } from "./packing.js";
import type { TunedWeights } from "./tunedModel.js";
import { ValidationSet } from "./validation.js";

/** What a tuning asks of the thread it runs on. */
export interface TuneHost extends Pick<TuningHost, "checkAborted" | "work" | "turn"> {
  readonly onProgress: (report: TuneReport) => void;
  /** Runs what must not be cut off in the middle. */
  whole(body: () => Promise<void>): Promise<void>;
}

/** Least time between two reports, in milliseconds. */
const reportInterval = 100;

/**
 * Runs a tuning on the calling thread, from the start or from its checkpoint.
 * @throws Llama4RecError `E_ARGUMENT` for a view without histories or a base that does not fit, `E_DIVERGED`, `E_FILE`,
 *   `E_GGUF`, and as {@link TuningFile} does; whatever the host throws.
 */
export async function runTuneJob(job: TuneJob, host: TuneHost): Promise<TunedWeights> {
  const view = new TrainView(job.view);
  const { seed, settings, stages } = job;
  const { network, tokenizer, tokens, lora, shape, baseSha256 } = await openModel(job, view);
  using _network = network;
  using _lora = lora;
  using hints = job.hints === null ? null : new HintReader(job.hints, view);
  const { historyItems } = settings;
  const labels = tokens.labels(26) ?? tokens.labels(10) ?? tokens.labels(2);
  const options = { mix: job.mix, labels, hints, seed, historyItems };
  const source = new InstructionSource(view, options);
  if (source.rowsPerEpoch === 0)
    throw argumentError("view", "at least one user with two training items", "none");
  const packer = new Packer(tokens, tokenizer, settings.pieceDropout);
  const run: TuningRun = { network, lora, source, packer, stages, settings, seed };
  using optimizer = optimizerOf(run);
  const trained = (lora ?? network).parameters;
  const best = new BestWeights(job, trained, () =>
    job.validation === null
      ? null
      : new ValidationSet(view, job.validation, source, packer, shape.context, seed),
  );
  const file = job.checkpoint === null ? null : new TuningFile(job, view, baseSha256, trained);
  const progress: TuningProgress = (await file?.read(best)) ?? tuningStart();

  const total = stages.reduce((sum, stage) => sum + stage.tokens, 0);
  const [began, beganAt] = [performance.now(), progress.tokens];
  let [reported, saved] = [Number.NEGATIVE_INFINITY, performance.now()];
  const report = (now: number): void => {
    reported = now;
    host.onProgress({
      stage: stages[Math.min(progress.stage, stages.length - 1)].name,
      tokens: progress.tokens,
      totalTokens: total,
      steps: progress.steps,
      loss: progress.loss ?? 0,
      validation: best.latest,
      tokensPerSecond: Math.round((1000 * (progress.tokens - beganAt)) / Math.max(1, now - began)),
    });
  };
  const save = async (): Promise<void> => {
    if (file === null) return;
    const check = (): void => host.checkAborted();
    await host.whole(() => file.write(progress, best, check)).finally(check);
    saved = performance.now();
  };
  await runTuning(
    run,
    {
      ...host,
      async onStep() {
        await best.look(progress, stages, network, lora, host);
        const now = performance.now();
        if (now - reported >= reportInterval) report(now);
        if (job.checkpoint !== null && now - saved >= 1000 * job.checkpoint.everySeconds) await save();
      },
    },
    progress,
    optimizer,
  );
  report(performance.now());
  best.restore();
  await save();
  if (lora !== null && baseSha256 !== null) {
    const { rank, alpha } = lora;
    return { kind: "adapter", baseSha256, shape, rank, alpha, factors: lora.factors() };
  }
  return { kind: "pocket", shape, vocabulary: tokenizer.vocabulary, weights: network.weights() };
}

interface OpenModel {
  readonly network: LlamaNetwork;
  readonly tokenizer: Tokenizer;
  readonly tokens: Tokens<number>;
  readonly lora: LoraLayers | null;
  readonly shape: LlamaShape;
  /** Null without a base. */
  readonly baseSha256: string | null;
}

/** A new pocket model, or a base with an adapter that changes nothing yet. */
async function openModel(job: TuneJob, view: TrainView): Promise<OpenModel> {
  if (job.base === null) {
    const tokenizer = catalogueTokenizer(view, job.shape.vocabulary, job.settings.wholeTitles);
    const width = job.shape.dimension / job.shape.heads;
    const shape: LlamaShape = { ...job.shape, vocabulary: tokenizer.size, width };
    const tokens = promptTokens(tokenizer, POCKET_CHAT);
    return {
      network: LlamaNetwork.random(shape, job.seed),
      tokenizer,
      tokens,
      lora: null,
      shape,
      baseSha256: null,
    };
  }
  const file = await readGguf(job.base);
  const shape = llamaShape(file);
  const tokenizer = Tokenizer.fromGguf(file);
  const network = networkOf(file, shape);
  const lora = new LoraLayers(shape, job.seed, job.lora);
  const tokens = promptTokens(tokenizer, chatFormatOf(file));
  return { network, tokenizer, tokens, lora, shape, baseSha256: file.sha256 };
}
