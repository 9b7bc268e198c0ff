import test, { type ExecutionContext } from "ava";
import { Random } from "../../../lib/data/random.js";
import { checked } from "../../../lib/llm/checks.js";
import type {
  CallOptions,
  CompareAnswer,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "../../../lib/llm/languageModel.js";
import { orderCandidates } from "../../../lib/llm/ordering/order.js";
import { type CandidateScores, type OrderInput, orderModes } from "../../../lib/llm/ordering/types.js";
import { type Fault, FaultyLanguageModel, LATE_MS } from "../faultyLanguageModel.js";

const input: OrderInput = {
  history: ["Alien (1979)"],
  candidates: Array.from({ length: 6 }, (_, n) => `Film ${n}`),
  scale: [1, 2, 3, 4, 5],
};
const deadlineMs = LATE_MS / 3;

/** Null or something an aggregation can take: nothing else may come of a fault. */
function isSound(t: ExecutionContext, answer: CandidateScores | null): void {
  t.true(answer === null || answer.scores.length === 6);
  if (answer === null) return;
  const { scores, margin, consistency, parts } = answer;
  const six = (values: Float64Array | null): void => {
    t.true(values === null || (values.length === 6 && values.every(Number.isFinite)));
  };
  six(scores);
  t.true(margin >= 0 && Number.isFinite(margin));
  t.true(consistency === null || (consistency >= 0 && consistency <= 1));
  if (parts === null) return;
  six(parts.pointwise);
  if (parts.pairwise)
    t.deepEqual(parts.pairwise.flatMap(({ first, second }) => [first, second]).sort(), [0, 1, 2, 3, 4, 5]);
  if (parts.listwise) t.deepEqual([...parts.listwise].sort(), [0, 1, 2, 3, 4, 5]);
}

const faults: readonly Fault[] = [
  "throw",
  "hang",
  "late",
  "nan",
  "short",
  "long",
  "no permutation",
  "wrong order",
  "invented",
  "off scale",
];
/** Faults that every kind of question can have, so that no mode finds an answer. */
const always: readonly Fault[] = ["throw", "hang", "late", "nan", "invented"];

for (const mode of orderModes) {
  test(`${mode}: any one fault gives null or a sound answer, never an error`, async (t) => {
    for (const fault of faults) {
      const answer = await orderCandidates(new FaultyLanguageModel(fault), input, { mode, deadlineMs });
      isSound(t, answer);
      if (always.includes(fault)) t.is(answer, null, fault);
    }
    t.truthy(await orderCandidates(new FaultyLanguageModel("none"), input, { mode, deadlineMs }));
  });

  test(`${mode}: so does any mix of faults, and every question that failed is counted`, async (t) => {
    let [answered, unanswered] = [0, 0];
    for (let seed = 1; seed <= 12; seed++) {
      // Every third model is right more often than not, so that half an answer comes about as well.
      const model = checked(new MixedFaults(seed, seed % 3 === 0 ? 300 : 3));
      const answer = await orderCandidates(model, input, { mode, deadlineMs });
      isSound(t, answer);
      if (answer === null) unanswered++;
      else answered++;
      const { calls, answers, noAnswers } = model.stats();
      t.is(calls, answers + Object.values(noAnswers).reduce((sum, count) => sum + count, 0));
      t.true(calls > 0);
    }
    t.true(answered > 0 && unanswered > 0, `${answered} answered, ${unanswered} not`);
  });
}

/** A fault drawn anew for every question, or none: so many times as likely as any one fault. */
class MixedFaults extends FaultyLanguageModel {
  readonly #random: Random;
  readonly #kinds: readonly Fault[];

  constructor(seed: number, sound: number) {
    super();
    this.#random = new Random(seed);
    this.#kinds = [...faults, ...Array<Fault>(sound).fill("none")];
  }

  override rank(request: RankRequest, options?: CallOptions): Promise<RankAnswer> {
    return this.#next().rank(request, options);
  }

  override compare(request: unknown, options?: CallOptions): Promise<CompareAnswer> {
    return this.#next().compare(request, options);
  }

  override rate(request: RateRequest, options?: CallOptions): Promise<RateAnswer> {
    return this.#next().rate(request, options);
  }

  #next(): FaultyLanguageModel {
    return new FaultyLanguageModel(this.#kinds[this.#random.below(this.#kinds.length)]);
  }
}
