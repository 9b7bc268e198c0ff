/** Plots to SVG by Vega-Lite, without a browser: the optional packages vega and vega-lite. */

import type { Config, TopLevelSpec } from "vega-lite";
import { Llama4RecError } from "../../native/errors.js";

/** Draws a specification. */
export type Draw = (spec: TopLevelSpec) => Promise<string>;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** Colours are the page's variables, so that one drawing serves light, dark and print. */
const config: Config = {
  background: "transparent",
  aria: false, // the drawing is one image with a title and a description
  font: FONT,
  view: { stroke: null },
  axis: {
    domainColor: "var(--line)",
    gridColor: "var(--line)",
    tickColor: "var(--line)",
    labelColor: "var(--ink)",
    labelFontSize: 11,
    labelLimit: 0,
    titleColor: "var(--muted)",
    titleFontSize: 11,
    titleFontWeight: "normal",
    titlePadding: 8,
  },
  axisX: { labelFlush: false },
  axisY: { ticks: false, labelPadding: 8 },
  text: { fill: "var(--ink)" },
};

/**
 * Loads Vega.
 *
 * @throws Llama4RecError `E_DEPENDENCY` if vega or vega-lite is not installed.
 */
export async function loadDraw(): Promise<Draw> {
  const { vega, compile } = await importVega();
  const logger = vega.logger(vega.Error);
  return async (spec) => {
    const view = new vega.View(vega.parse(compile(spec, { config, logger }).spec), {
      renderer: "none",
      logger,
    });
    try {
      return forHtml(await view.toSVG());
    } finally {
      view.finalize();
    }
  };
}

/** The drawing as part of an HTML document: no namespaces, size left to the page. */
function forHtml(svg: string): string {
  return svg
    .replace(/ xmlns(:xlink)?="[^"]*"/g, "")
    .replace(/^<svg [^>]*?(viewBox="[^"]*")[^>]*>/, "<svg $1>");
}

async function importVega(): Promise<{
  vega: typeof import("vega");
  compile: typeof import("vega-lite").compile;
}> {
  try {
    const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
    return { vega, compile };
  } catch (cause) {
    throw new Llama4RecError(
      "E_DEPENDENCY",
      "vega, vega-lite: expected the optional packages to be installed, got none. " +
        "The HTML report needs them: npm install vega vega-lite",
      { cause },
    );
  }
}
