import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Recommender } from "../serving/recommender.js";
import type { Recommendation, ServingMode } from "../serving/types.js";

const seconds = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** One series of a histogram. */
type Series = Pick<Histogram.Internal<string>, "observe">;
/** One series of a counter. */
type Count = Pick<Counter.Internal, "inc">;

/** What a server counts, in a registry of its own; what the recommender counts itself is read when asked for. */
export class Meters {
  readonly registry = new Registry();
  readonly #latency: Histogram<"engine" | "mode">;
  readonly #alpha: Histogram;
  readonly #notRefined: Counter<"reason">;
  readonly #failures: Counter<"code">;
  /** Looking a series up by its labels costs more than counting. */
  readonly #series = { conventional: new Map<string, Series>(), languageModel: new Map<string, Series>() };
  readonly #reasons = new Map<string, Count>();

  constructor(recommender: Recommender) {
    const registers = [this.registry];
    this.#latency = new Histogram({
      name: "llama4rec_recommend_seconds",
      help: "Time of an answer by who ordered it and the mode that was asked for",
      labelNames: ["engine", "mode"],
      buckets: seconds,
      registers,
    });
    this.#alpha = new Histogram({
      name: "llama4rec_alpha",
      help: "Weight of the language model in answers that it has a part in",
      buckets: tenths,
      registers,
    });
    this.#notRefined = new Counter({
      name: "llama4rec_not_refined_total",
      help: "Answers that the language model has no part in, by reason",
      labelNames: ["reason"],
      registers,
    });
    this.#failures = new Counter({
      name: "llama4rec_failures_total",
      help: "Requests that were not answered, by code",
      labelNames: ["code"],
      registers,
    });
    ownFigures(this.registry, recommender);
  }

  /** Counts an answer. */
  answered({ notRefined, alpha, timings }: Recommendation, mode: ServingMode): void {
    this.#seriesOf(notRefined === null ? "languageModel" : "conventional", mode).observe(
      timings.totalMs / 1000,
    );
    if (notRefined === null) this.#alpha.observe(alpha);
    else this.#reasonOf(notRefined).inc();
  }

  #seriesOf(engine: "conventional" | "languageModel", mode: string): Series {
    const known = this.#series[engine].get(mode);
    if (known !== undefined) return known;
    const series = this.#latency.labels(engine, mode);
    this.#series[engine].set(mode, series);
    return series;
  }

  #reasonOf(reason: string): Count {
    const known = this.#reasons.get(reason);
    if (known !== undefined) return known;
    const count = this.#notRefined.labels(reason);
    this.#reasons.set(reason, count);
    return count;
  }

  /** Counts a request that was not answered. */
  failed(code: string): void {
    this.#failures.labels(code).inc();
  }
}

/** What {@link Recommender.stats} tells. */
function ownFigures(registry: Registry, recommender: Recommender): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value());
      },
    });
  };
  /** A counter that the recommender keeps, one series a label. */
  const counter = (
    name: string,
    help: string,
    label: string,
    values: () => Readonly<Partial<Record<string, number>>>,
  ): void => {
    new Counter({
      ...{ name, help, registers, labelNames: [label] },
      collect() {
        this.reset();
        for (const [key, value] of Object.entries(values())) this.inc({ [label]: key }, value);
      },
    });
  };
  const stats = () => recommender.stats();
  new Gauge({
    name: "llama4rec_snapshot_info",
    help: "1 for the snapshot that answers",
    labelNames: ["snapshot"],
    registers,
    collect() {
      this.reset();
      this.set({ snapshot: recommender.snapshot }, 1);
    },
  });
  gauge("llama4rec_users", "Users of the snapshot", () => stats().users);
  gauge("llama4rec_items", "Items of the snapshot", () => stats().items);
  gauge("llama4rec_running_requests", "Requests that have begun and not ended", () => stats().running);
  gauge(
    "llama4rec_scheduler_waiting",
    "Jobs that wait for the language model",
    () => stats().scheduler.waiting,
  );
  gauge("llama4rec_scheduler_running", "Jobs that the language model does", () => stats().scheduler.running);
  gauge(
    "llama4rec_scheduler_job_seconds",
    "Smoothed time of a job",
    () => stats().scheduler.milliseconds / 1000,
  );
  gauge("llama4rec_scheduler_open", "1 while the language model is left alone after faults", () =>
    Number(stats().scheduler.open),
  );
  counter(
    "llama4rec_scheduler_jobs_total",
    "Jobs of the language model by what became of them",
    "outcome",
    () => {
      const { done, notDone } = stats().scheduler;
      return { done, ...notDone };
    },
  );
  counter(
    "llama4rec_language_model_calls_total",
    "Calls of the language model by what came of them",
    "outcome",
    () => {
      const model = stats().languageModel;
      return model === null ? {} : { answered: model.answers, ...model.noAnswers };
    },
  );
  counter(
    "llama4rec_language_model_tokens_total",
    "Tokens of prompts, evaluated or kept from before",
    "source",
    () => {
      const model = stats().languageModel;
      return model === null ? {} : { evaluated: model.evaluatedTokens, reused: model.reusedTokens };
    },
  );
  new Counter({
    name: "llama4rec_language_model_cache_hits_total",
    help: "Answers of the language model that came out of its cache",
    registers,
    collect() {
      this.reset();
      this.inc(stats().languageModel?.cacheHits ?? 0);
    },
  });
}
