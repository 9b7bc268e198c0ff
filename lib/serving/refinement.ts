import { unitRows } from "./directions.js";
import { type Person, trained } from "./person.js";
import type { Refinement } from "./refiner.js";
import type { Snapshot } from "./snapshot.js";

/** Titles of histories in prompts, as in the paper's experiments; the context's size may hold fewer. */
const historyTitles = 50;
const similarTitles = 50;
const predictionTitles = 5;

/**
 * What the prompt says of a person: their history and, with hints, the most similar user's and what the conventional model
 * would say.
 */
export function refinementOf({ query, newest }: Person, items: Int32Array, snapshot: Snapshot): Refinement {
  const { engine } = snapshot;
  const candidates = Array.from(items, (item) => snapshot.titleAt(item));
  const told = { history: newest(historyTitles), candidates, scale: snapshot.scale };
  if (snapshot.manifest.mixing?.hints !== true) return told;
  const similar =
    snapshot.neighbours === null
      ? -1
      : snapshot.similarUser(unitRows(engine.vector(query), engine.dimension), query.user);
  return {
    ...told,
    similarUserHistory: trained(snapshot, similar, similarTitles),
    backbonePrediction: candidates.slice(0, predictionTitles),
  };
}
