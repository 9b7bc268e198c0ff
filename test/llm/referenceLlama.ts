import { TINY, type TinyWeights } from "./tinyGguf.js";

/**
 * The tiny Llama in plain float64 JavaScript, one token after the other: the oracle for everything that llama.cpp
 * computes. Returns the logits after every token. `[tokens x vocabulary]`
 */
export function referenceLogits(weights: TinyWeights, tokens: readonly number[]): Float64Array[] {
  const keys: number[][][] = [];
  const values: number[][][] = [];
  return tokens.map((token, position) => {
    let x = row(weights, "token_embd.weight", token);
    for (let layer = 0; layer < TINY.layers; layer++) {
      const block = `blk.${layer}`;
      const h = norm(weights, `${block}.attn_norm.weight`, x);
      const q = rotated(product(weights, `${block}.attn_q.weight`, h), position);
      keys[layer] = [
        ...(keys[layer] ?? []),
        rotated(product(weights, `${block}.attn_k.weight`, h), position),
      ];
      values[layer] = [...(values[layer] ?? []), product(weights, `${block}.attn_v.weight`, h)];
      const attended = attention(q, keys[layer], values[layer]);
      x = sum(x, product(weights, `${block}.attn_output.weight`, attended));
      const f = norm(weights, `${block}.ffn_norm.weight`, x);
      const gate = product(weights, `${block}.ffn_gate.weight`, f);
      const up = product(weights, `${block}.ffn_up.weight`, f);
      const gated = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
      x = sum(x, product(weights, `${block}.ffn_down.weight`, gated));
    }
    return Float64Array.from(product(weights, "output.weight", norm(weights, "output_norm.weight", x)));
  });
}

/** Log-probability of `tail` after `prefix`, over the whole vocabulary. */
export function referenceLogProbability(
  weights: TinyWeights,
  prefix: readonly number[],
  tail: readonly number[],
): number {
  const logits = referenceLogits(weights, [...prefix, ...tail]);
  return tail.reduce((total, token, i) => total + logSoftmax(logits[prefix.length + i - 1])[token], 0);
}

/** Log of the softmax. `[n] -> [n]` */
export function logSoftmax(logits: Float64Array): Float64Array {
  const max = Math.max(...logits);
  const logSum = max + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - max), 0));
  return logits.map((logit) => logit - logSum);
}

function matrix(weights: TinyWeights, name: string): { shape: readonly number[]; data: Float32Array } {
  const found = weights.get(name);
  if (!found) throw new Error(`no weight ${name}`);
  return found;
}

function row(weights: TinyWeights, name: string, index: number): number[] {
  const { shape, data } = matrix(weights, name);
  return [...data.subarray(index * shape[0], (index + 1) * shape[0])];
}

function product(weights: TinyWeights, name: string, x: readonly number[]): number[] {
  const { shape, data } = matrix(weights, name);
  const [inputs, outputs] = shape;
  return Array.from({ length: outputs }, (_, o) =>
    x.reduce((total, v, i) => total + v * data[o * inputs + i], 0),
  );
}

function norm(weights: TinyWeights, name: string, x: readonly number[]): number[] {
  const { data } = matrix(weights, name);
  const scale = 1 / Math.sqrt(x.reduce((total, v) => total + v * v, 0) / x.length + TINY.epsilon);
  return x.map((v, i) => v * scale * data[i]);
}

/** Rotates neighbouring pairs of every head by the position. */
function rotated(x: readonly number[], position: number): number[] {
  const out = [...x];
  for (let i = 0; i < x.length; i += 2) {
    const angle = position * TINY.ropeBase ** (-(i % TINY.headWidth) / TINY.headWidth);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    out[i] = x[i] * cos - x[i + 1] * sin;
    out[i + 1] = x[i] * sin + x[i + 1] * cos;
  }
  return out;
}

function attention(q: readonly number[], keys: readonly number[][], values: readonly number[][]): number[] {
  const out: number[] = [];
  for (let head = 0; head < TINY.heads; head++) {
    const query = head * TINY.headWidth;
    const shared = Math.floor((head * TINY.kvHeads) / TINY.heads) * TINY.headWidth;
    const scores = keys.map((key) => {
      let dot = 0;
      for (let i = 0; i < TINY.headWidth; i++) dot += q[query + i] * key[shared + i];
      return dot / Math.sqrt(TINY.headWidth);
    });
    const weights = logSoftmax(Float64Array.from(scores)).map(Math.exp);
    for (let i = 0; i < TINY.headWidth; i++) {
      out.push(values.reduce((total, value, at) => total + weights[at] * value[shared + i], 0));
    }
  }
  return out;
}

function sum(a: readonly number[], b: readonly number[]): number[] {
  return a.map((v, i) => v + b[i]);
}
