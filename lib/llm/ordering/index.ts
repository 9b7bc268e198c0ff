export { fixedOrders } from "./fixedOrders.js";
export { hybridScores } from "./hybrid.js";
export { standardizedMargin } from "./margin.js";
export { orderCandidates } from "./order.js";
export {
  type CandidateScores,
  type DrawnPair,
  type HybridParts,
  type OrderInput,
  type OrderingOptions,
  type OrderMode,
  type OrderOptions,
  orderModes,
  type PairCount,
  type PairPlan,
} from "./types.js";
