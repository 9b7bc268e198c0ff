import type { LanguageModel } from "../llm/languageModel.js";
import type { ExperimentConfig } from "./config.js";
import { type NamedModels, runTable, type TableOptions } from "./run.js";
import type { SizeCurve } from "./summary.js";

/** Opens the language model of a point, which is disposed of here. */
export type OpenPoint = (model: string) => Promise<LanguageModel>;

/** The row that a curve follows: it asks one language model, and what it was trained on is there already. */
const ROW = "without-prompt";

/**
 * The method without prompt augmentation by the size of the tuning or of the language model, as the curves of an experiment
 * say: mean of the primary metric over their backbones and seeds. Everything conventional is that of the experiment's table.
 *
 * @throws What {@link runTable} and `open` throw.
 */
export async function sizeCurves(options: TableOptions, open: OpenPoint): Promise<SizeCurve[]> {
  const curves: SizeCurve[] = [];
  for (const { by, backbones, seeds, points } of options.config.curves) {
    const config: ExperimentConfig = {
      ...options.config,
      backbones: backbones ?? options.config.backbones,
      seeds,
      rows: ["base", ROW],
    };
    const measured: SizeCurve["points"][number][] = [];
    let base = Number.NaN;
    for (const { size, label, model } of points) {
      await using plain = await open(model);
      const models: NamedModels = {
        augmented: options.models.augmented,
        plain,
        names: { ...options.models.names, plain: model },
      };
      const { rows, primary } = await runTable({ ...options, config, models, only: {} });
      const meanOf = (name: string): number => {
        const values = rows.flatMap(({ row, metrics }) => (row === name ? [metrics[primary]] : []));
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      };
      measured.push({ size, label, value: meanOf(ROW) });
      base = meanOf("base");
    }
    curves.push({ by, base, points: measured });
  }
  return curves;
}
