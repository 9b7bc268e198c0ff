import type { HelpedUsers } from "../../summary.js";
import { weight } from "../figures.js";
import { helpedTable } from "../tables.js";
import { type Chart, frame, labelRoom, shortLabel, WIDTH } from "./chart.js";

const LINE_HEIGHT = 26;
const TEXT_ROOM = 64;

/** Shares of test rows that got better and worse by bucket of the learned weight; null without buckets. */
export function helpedChart(helped: HelpedUsers): Chart | null {
  if (helped.buckets.length === 0) return null;
  const bars = helped.buckets.flatMap(({ label, rows, improved, worsened, alpha }) => {
    const percentOf = (part: number): number => (rows > 0 ? (100 * part) / rows : 0);
    const bucket = { label: shortLabel(label), text: `alpha ${weight(alpha)}` };
    return [
      { ...bucket, percent: percentOf(improved), colour: "var(--better)" },
      { ...bucket, percent: -percentOf(worsened), colour: "var(--worse)" },
    ];
  });
  const labels = [...new Set(bars.map(({ label }) => label))];
  const left = labelRoom(labels);
  return {
    title: `Whom the language model helps: ${helped.backbone}`,
    description:
      "Per cent of the test rows whose figure rose (right) and fell (left) against Base, by the learned weight." +
      (helped.fallback ? " The held-out folds showed no gain, so the backbone's list stayed." : ""),
    legend: [
      { label: "improved", colour: "var(--better)", symbol: "■" },
      { label: "worsened", colour: "var(--worse)", symbol: "■" },
    ],
    spec: {
      ...frame({ left, right: TEXT_ROOM, top: 4, bottom: 44 }),
      height: { step: LINE_HEIGHT },
      data: { values: bars },
      encoding: {
        y: { field: "label", type: "nominal", sort: null, scale: { domain: labels }, axis: { title: null } },
      },
      layer: [
        {
          mark: { type: "bar", height: { band: 0.6 }, opacity: 0.85 },
          encoding: {
            x: {
              field: "percent",
              type: "quantitative",
              stack: null,
              axis: { title: "per cent of the rows", format: "~f", labelExpr: "abs(datum.value)" },
            },
            fill: { field: "colour", type: "nominal", scale: null },
          },
        },
        {
          transform: [{ filter: "datum.percent >= 0 && datum.colour === 'var(--better)'" }],
          mark: { type: "text", align: "right", fontSize: 10.5 },
          encoding: { x: { value: WIDTH - left - 4 }, text: { field: "text", type: "nominal" } },
        },
      ],
    },
    tables: [helpedTable(helped)],
  };
}
