import { Graph } from "./graph.js";

/**
 * Scores and selection of `[batch x d]` states: Gemm with the table as it stands (`transB`), which is faster than MatMul
 * with a transposed copy, then TopK. Outputs `scores` and `ids` are `[batch x k]`.
 */
export function addTopK(graph: Graph, states: string, table: string, k: string): void {
  const all = graph.node("Gemm", [states, table], { transB: 1 });
  graph.nodes("TopK", [all, k], ["scores", "ids"]);
  graph.output("scores", "float32", ["batch", "k"]);
  graph.output("ids", "int64", ["batch", "k"]);
}

/** Inputs `query [batch x d]` and `k [1]`. */
export function topKModel(items: Float32Array, d: number): Buffer {
  const graph = new Graph();
  const query = graph.input("query", "float32", ["batch", d]);
  const k = graph.input("k", "int64", [1]);
  addTopK(graph, query, graph.constant(items, [items.length / d, d]), k);
  return graph.model();
}
