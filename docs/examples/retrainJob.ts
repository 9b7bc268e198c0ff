/**
 * Trains on all rows of a table and swaps the result into a recommender's folder: as a process of its own, so that whoever
 * serves that folder loses no time to it. By cron, or by `retrainNightly.ts`.
 */
import { constants, setPriority } from "node:os";
import { openDataset, saveRecommender, split, train, wholeView } from "llama4rec";

const [folder, table] = process.argv.slice(2);
if (table === undefined) throw new Error("expected a recommender's folder and a table of rows");
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const backbone = "MF";
const dataset = await openDataset({ data: table }); // titles: items: { file: "products.csv" }

// Everybody's last item but one says how long to train; then all rows are learnt from, so long.
const parts = split(dataset);
const tried = await train({
  backbone,
  view: parts.train,
  validation: { heldOut: parts.validation },
  seed: 1,
});
tried.ranker.dispose();
const view = wholeView(dataset);
const { ranker } = await train({
  backbone,
  view,
  hyperparameters: { ...tried.hyperparameters, epochs: tried.epoch },
  seed: 1,
});

// New files first, then one rename: who opens the folder meanwhile has the old model or the new one, whole. A folder with a
// language model is given its languageModel and mixing here again.
const generation = await saveRecommender(folder, {
  ranker,
  view,
  users: dataset.users,
  items: dataset.items,
});
ranker.dispose();
console.log(`${folder}: ${generation}, trained on ${view.interactionCount} rows`);
