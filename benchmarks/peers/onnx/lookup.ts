import { Graph } from "./graph.js";

/** Input `ids [n]`, output `rows [n x d]`. */
export function gatherModel(table: Float32Array, d: number): Buffer {
  const graph = new Graph();
  const ids = graph.input("ids", "int64", ["n"]);
  graph.nodes("Gather", [graph.constant(table, [table.length / d, d]), ids], ["rows"], { axis: 0 });
  graph.output("rows", "float32", ["n", d]);
  return graph.model();
}

/** Input `ids [bags x size]`, output `sums [bags x d]`: Gather, then ReduceSum over each bag. */
export function sumBagModel(table: Float32Array, d: number, size: number): Buffer {
  const graph = new Graph();
  const ids = graph.input("ids", "int64", ["bags", size]);
  const rows = graph.node("Gather", [graph.constant(table, [table.length / d, d]), ids], { axis: 0 });
  graph.nodes("ReduceSum", [rows, graph.ids([1])], ["sums"], { keepdims: 0 });
  graph.output("sums", "float32", ["bags", d]);
  return graph.model();
}
