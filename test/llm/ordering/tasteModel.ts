import type {
  CompareAnswer,
  CompareRequest,
  NoAnswer,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "../../../lib/llm/languageModel.js";
import { orderOf } from "../../../lib/llm/ranking.js";
import type { Blocks } from "../../augmentation/promptBlocks.js";
import { type Taste, TextModel } from "../../augmentation/textModel.js";

const nothing: Blocks = { history: [], similar: [], prediction: [], candidates: [] };

/** How far the place at which a title is shown counts besides the taste. */
export interface PlaceBias {
  /** Added to a label's logit for every place further down. */
  readonly perPlace?: number;
  /** Of two, the first shown is named unless their tastes are further apart than this. */
  readonly firstOfTwo?: number;
}

/** Answers from a taste in every mode, ratings included; a bias towards places can be given. */
export class TasteModel extends TextModel {
  readonly rated: RateRequest[] = [];
  readonly #taste: Taste;
  readonly #bias: PlaceBias;

  constructor(taste: Taste, bias: PlaceBias = {}) {
    super(taste);
    this.#taste = taste;
    this.#bias = bias;
  }

  override async rank(request: RankRequest): Promise<RankAnswer | NoAnswer> {
    const answer = await super.rank(request);
    if (!answer.answered) return answer;
    const { perPlace = 0 } = this.#bias;
    const scores =
      request.mode === "labels"
        ? answer.scores.map((score, place) => score + perPlace * place)
        : answer.scores;
    return { answered: true, scores, order: orderOf(scores) };
  }

  override async compare(request: CompareRequest): Promise<CompareAnswer | NoAnswer> {
    const answer = await super.compare(request);
    if (!answer.answered) return answer;
    return { ...answer, consistent: answer.margin > (this.#bias.firstOfTwo ?? 0) };
  }

  /** The taste of the title on the last line, cut to the scale. */
  override async rate(request: RateRequest): Promise<RateAnswer> {
    this.rated.push(request);
    const { scale, prefix } = request;
    const title = prefix.trimEnd().split("\n").at(-1)?.trim() ?? "";
    const rating = Math.min(scale[scale.length - 1], Math.max(scale[0], this.#taste(title, nothing)));
    const probabilities = new Float64Array(scale.length).fill(1 / scale.length);
    return { answered: true, rating, probabilities };
  }
}
