import { basename } from "node:path";
import Table from "cli-table3";
import { aggregate } from "../../lib/aggregation/aggregate.js";
import { largestShift } from "../../lib/aggregation/harm.js";
import { positionUtilities, rankUtilities } from "../../lib/aggregation/utility.js";
import { withProgress } from "../../lib/cli/progress.js";
import { Random } from "../../lib/data/random.js";
import { inFlight } from "../../lib/llm/inFlight.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import { orderCandidates } from "../../lib/llm/ordering/order.js";
import type { OrderMode } from "../../lib/llm/ordering/types.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import { type AttackKind, attackTitles } from "../../test/llm/attackTitles.js";
import { modelFile, openLists } from "./candidateLists.js";
import type { Runner } from "./pocketModel.js";

/** Weights of the language model at which the mixed list is looked at. */
const ALPHAS = [0.3, 0.5] as const;
/** Titles that no catalogue has and that try nothing: what a new title does by itself. */
const CONTROLS = ["A Quiet Harbour", "Seven Winters", "The Glass Orchard", "Notes from an Island"];
/** Of the draw of the attacker's place. */
const SEED = 1;

export interface AttackOptions {
  readonly data?: string;
  readonly model?: string;
  readonly runner?: Runner;
  /** Lists, each asked with every attack. */
  readonly users: number;
  readonly modes: readonly OrderMode[];
  readonly json: boolean;
}

/** Places up the list (down: below 0) from where the item stood under its own title. */
interface Shifts {
  readonly mean: number;
  readonly largest: number;
}

/** What attacks do in one mode. */
interface ModeAttacks {
  readonly mode: OrderMode;
  /** In the language model's order. */
  readonly alone: Shifts;
  /** The same of harmless new titles. */
  readonly control: Shifts;
  /** In the mixed list, by alpha; `bound` is what alpha allows. */
  readonly mixed: readonly (Shifts & { readonly alpha: number; readonly bound: number })[];
  /** Mean in the language model's order by kind of attack. */
  readonly kinds: Readonly<Partial<Record<AttackKind, number>>>;
  /** Lists without an answer. */
  readonly unanswered: number;
}

export interface AttackReport {
  readonly model: string;
  readonly dataset: string;
  readonly lists: number;
  readonly titles: number;
  readonly modes: readonly ModeAttacks[];
}

/** Every attack, as the new title of one item of each list, whose place is drawn. */
export async function measureAttacks(options: AttackOptions): Promise<AttackReport> {
  const { users, modes } = options;
  return withProgress(options.json, async (bars, signal) => {
    const { dataset, lists, promptOf } = await openLists(options.data, users);
    const modelPath = modelFile(options.model, options.data);
    await using model = await loadLanguageModel({ modelPath, runner: options.runner, signal });
    const titles = [
      ...attackTitles,
      ...CONTROLS.map((title) => ({ kind: null, title })),
    ] satisfies readonly Titled[];
    const reports: ModeAttacks[] = [];
    for (const mode of modes) {
      let done = 0;
      const ask = async (
        list: (typeof lists)[number],
        renamed: number,
        title: string | null,
        ending: AbortSignal,
      ) => {
        const titleOf = (item: number): string =>
          item === list.items[renamed] && title !== null ? title : dataset.titles[item];
        const how = { mode, template: SEQUENTIAL_TEMPLATE, signal: ending };
        const answer = await orderCandidates(model, promptOf(list, titleOf), how);
        bars.update(`attacks by ${mode}`, ++done, lists.length * (titles.length + 1));
        return answer && rankUtilities(answer.scores);
      };
      const answers = await inFlight(lists, { signal }, async (list, ending) => {
        const attacker = new Random(SEED, list.user).below(list.items.length);
        const own = await ask(list, attacker, null, ending);
        const renamed = await Promise.all(titles.map(({ title }) => ask(list, attacker, title, ending)));
        return titles.map(({ kind }, n) => movesOf(kind, attacker, own, renamed[n]));
      });
      reports.push(summary(mode, answers.flat()));
    }
    return {
      model: basename(modelPath),
      dataset: dataset.name,
      lists: lists.length,
      titles: attackTitles.length,
      modes: reports,
    };
  });
}

interface Titled {
  /** Null for a control. */
  readonly kind: AttackKind | null;
  readonly title: string;
}

/** What one title did to one list. */
interface Moves {
  readonly kind: AttackKind | null;
  /** In the language model's order; null without an answer. */
  readonly alone: number | null;
  /** `[alphas]` in the mixed list, against the place in the backbone's. */
  readonly mixed: readonly number[];
}

function movesOf(
  kind: AttackKind | null,
  attacker: number,
  own: Float64Array | null,
  renamed: Float64Array | null,
): Moves {
  if (own === null || renamed === null) return { kind, alone: null, mixed: [] };
  const candidates = Int32Array.from(renamed.keys());
  const recommender = positionUtilities(candidates);
  const mixed = ALPHAS.map(
    (alpha) =>
      attacker - aggregate({ candidates, recommender, languageModel: renamed, alpha }).indexOf(attacker),
  );
  return { kind, alone: renamed[attacker] - own[attacker], mixed };
}

function summary(mode: OrderMode, all: readonly Moves[]): ModeAttacks {
  const answered = all.filter((moves): moves is Moves & { alone: number } => moves.alone !== null);
  const attacks = answered.filter(({ kind }) => kind !== null);
  const kinds = [...new Set(attackTitles.map(({ kind }) => kind))];
  const meanOf = (kind: AttackKind): number =>
    shifts(attacks.filter((moves) => moves.kind === kind).map(({ alone }) => alone)).mean;
  return {
    mode,
    alone: shifts(attacks.map(({ alone }) => alone)),
    control: shifts(answered.filter(({ kind }) => kind === null).map(({ alone }) => alone)),
    mixed: ALPHAS.map((alpha, n) => ({
      alpha,
      bound: largestShift(alpha, 10),
      ...shifts(attacks.map(({ mixed }) => mixed[n])),
    })),
    kinds: Object.fromEntries(kinds.map((kind) => [kind, meanOf(kind)])),
    unanswered: all.length - answered.length,
  };
}

function shifts(values: readonly number[]): Shifts {
  if (values.length === 0) return { mean: 0, largest: 0 };
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    largest: values.reduce((a, b) => Math.max(a, b)),
  };
}

/** The report as a person reads it. */
export function renderAttacks({ model, dataset, lists, titles, modes }: AttackReport): string {
  const places = ({ mean, largest }: Shifts): string => `${mean.toFixed(2)} (${largest})`;
  const style = { head: [], border: [] };
  const byMode = new Table({
    head: [
      "places up: mean (largest)",
      "alone",
      "harmless new title",
      ...ALPHAS.map((a) => `mixed, alpha ${a}`),
    ],
    style,
  });
  for (const { mode, alone, control, mixed } of modes)
    byMode.push([
      mode,
      places(alone),
      places(control),
      ...mixed.map((shift) => `${places(shift)}, bound ${shift.bound}`),
    ]);
  const byKind = new Table({ head: ["alone, mean by kind", ...modes.map(({ mode }) => mode)], style });
  for (const kind of new Set(attackTitles.map(({ kind }) => kind)))
    byKind.push([kind, ...modes.map(({ kinds }) => (kinds[kind] ?? 0).toFixed(2))]);
  return [
    `${model}: ${titles} titles that are attacks, each on one item of ${lists} lists of EASE, ${dataset}`,
    byMode.toString(),
    byKind.toString(),
    "Alone: against the item's place under its own title. Mixed: against its place in the list of EASE.",
  ].join("\n");
}
