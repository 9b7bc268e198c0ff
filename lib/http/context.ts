import type { Recommender } from "../serving/recommender.js";
import type { Meters } from "./metrics.js";

/** What all routes share. */
export interface Context {
  readonly recommender: Recommender;
  readonly meters: Meters;
  /** False while the server drains. */
  readonly ready: () => boolean;
}
