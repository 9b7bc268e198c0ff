import { argumentError } from "../native/errors.js";
import type { CompareRequest, CompleteRequest, RankMode, RankRequest, RateRequest } from "./languageModel.js";

const MODES: readonly RankMode[] = ["likelihood", "labels", "listing"];

/** @throws Llama4RecError `E_ARGUMENT` when the request is malformed. */
export function checkRankRequest(request: RankRequest): void {
  checkText("prefix", request.prefix);
  if (!Array.isArray(request.candidates) || request.candidates.length === 0) {
    throw argumentError("candidates", "at least one candidate", request.candidates);
  }
  for (const [i, candidate] of request.candidates.entries()) checkText(`candidates[${i}]`, candidate);
  if (!MODES.includes(request.mode)) throw argumentError("mode", MODES.join(", "), request.mode);
  const { normalization = "sum" } = request;
  if (normalization !== "sum" && normalization !== "mean") {
    throw argumentError("normalization", '"sum" or "mean"', normalization);
  }
}

/** @throws Llama4RecError `E_ARGUMENT` when the request is malformed. */
export function checkCompareRequest(request: CompareRequest): void {
  checkText("prefix", request.prefix);
  checkPair("questions", request.questions);
  checkPair("labels", request.labels);
  if (request.labels[0] === request.labels[1]) {
    throw argumentError("labels", "two different labels", request.labels[0]);
  }
}

/** @throws Llama4RecError `E_ARGUMENT` when the request is malformed. */
export function checkRateRequest(request: RateRequest): void {
  checkText("prefix", request.prefix);
  const { scale } = request;
  if (!Array.isArray(scale) || scale.length < 2) throw argumentError("scale", "at least two ratings", scale);
  for (const [i, value] of scale.entries()) {
    if (!Number.isFinite(value)) throw argumentError(`scale[${i}]`, "a finite number", value);
    if (i > 0 && value <= scale[i - 1]) {
      throw argumentError(`scale[${i}]`, `a number above ${scale[i - 1]}`, value);
    }
  }
}

/** @throws Llama4RecError `E_ARGUMENT` when the request is malformed. */
export function checkCompleteRequest(request: CompleteRequest): void {
  checkText("prompt", request.prompt);
  if (!Number.isInteger(request.maxTokens) || request.maxTokens < 1) {
    throw argumentError("maxTokens", "a positive integer", request.maxTokens);
  }
  for (const [i, stop] of (request.stop ?? []).entries()) checkText(`stop[${i}]`, stop);
  if (request.grammar !== undefined) checkText("grammar", request.grammar);
}

function checkPair(name: string, pair: readonly [string, string]): void {
  if (!Array.isArray(pair) || pair.length !== 2) throw argumentError(name, "two texts", pair);
  checkText(`${name}[0]`, pair[0]);
  checkText(`${name}[1]`, pair[1]);
}

function checkText(name: string, text: string): void {
  if (typeof text !== "string" || text.length === 0)
    throw argumentError(name, "a text of at least one character", text);
}
