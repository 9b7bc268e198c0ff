import { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import { type ChatFormat, chatFormatOf, POCKET_CHAT } from "../chat.js";
import { type LlamaShape, llamaShape, llamaTensors } from "../gguf/llamaShape.js";
import { readGguf } from "../gguf/reader.js";
import { LoraLayers } from "../pocket/lora.js";
import { LlamaNetwork } from "../pocket/network.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { BestWeights } from "./bestWeights.js";
import { catalogueTokenizer, POCKET_LABELS } from "./catalogueTokenizer.js";
import { TuningFile } from "./checkpoint.js";
import { HintReader } from "./hints.js";
import { InstructionSource } from "./instructions.js";
import { optimizerOf, runTuning, type TuningHost, type TuningProgress, type TuningRun, tuningStart } from "./loop.js";
import type { TuneJob, TuneReport } from "./options.js";
import { Packer, type TurnTokens } from "./packing.js";
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
  const { network, tokenizer, chat, lora, shape } = await openModel(job, view);
  using _network = network;
  using _lora = lora;
  using hints = job.hints === null ? null : new HintReader(job.hints, view);
  const { historyItems, hintRate } = settings;
  const options = { mix: job.mix, labels: POCKET_LABELS, hints, seed, historyItems, hintRate };
  const source = new InstructionSource(view, options);
  if (source.rowsPerEpoch === 0)
    throw argumentError("view", "at least one user with two training items", "none");
  const packer = new Packer(tokenizer, turnOf(tokenizer, chat), settings.pieceDropout);
  const run: TuningRun = { network, lora, source, packer, stages, settings, seed };
  using optimizer = optimizerOf(run);
  const trained = (lora ?? network).parameters;
  const best = new BestWeights(job, trained, () =>
    job.validation === null
      ? null
      : new ValidationSet(view, job.validation, source, packer, shape.context, seed),
  );
  const file = job.checkpoint === null ? null : new TuningFile(job, view, trained);
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
  if (lora !== null)
    return { kind: "adapter", shape, rank: lora.rank, alpha: lora.alpha, factors: lora.factors() };
  return { kind: "pocket", shape, vocabulary: tokenizer.vocabulary, weights: network.weights() };
}

interface OpenModel {
  readonly network: LlamaNetwork;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  readonly lora: LoraLayers | null;
  readonly shape: LlamaShape;
}

/** A new pocket model, or a base with an adapter that changes nothing yet. */
async function openModel(job: TuneJob, view: TrainView): Promise<OpenModel> {
  if (job.base === null) {
    const tokenizer = catalogueTokenizer(view, job.shape.vocabulary);
    const width = job.shape.dimension / job.shape.heads;
    const shape: LlamaShape = { ...job.shape, vocabulary: tokenizer.size, width };
    return { network: LlamaNetwork.random(shape, job.seed), tokenizer, chat: POCKET_CHAT, lora: null, shape };
  }
  const file = await readGguf(job.base);
  const shape = llamaShape(file);
  const tokenizer = Tokenizer.fromGguf(file);
  const names = [...llamaTensors(shape).keys()].filter((name) => file.has(name));
  const network = LlamaNetwork.of(shape, new Map(names.map((name) => [name, file.tensor(name)])));
  const lora = new LoraLayers(shape, job.seed, job.lora);
  return { network, tokenizer, chat: chatFormatOf(file), lora, shape };
}

/** Marks around a turn, as inference writes them; a base without a chat template goes without. */
function turnOf(tokenizer: Tokenizer, { open, answer }: ChatFormat): TurnTokens {
  return { open: tokenizer.encodeSpecial(open), answer: tokenizer.encodeSpecial(answer) };
}
