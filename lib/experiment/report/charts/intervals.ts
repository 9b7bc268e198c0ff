/** Differences with their intervals, one line each: the plot behind gains, ablations and segments. */

import type { TopLevelSpec } from "vega-lite";
import { frame, labelRoom, type Padding, shortLabel, WIDTH } from "./chart.js";

/** One line of the plot. */
export interface IntervalPoint {
  /** Named at the left; lines of a group stand together. */
  readonly group: string;
  /** Tells the lines of a group apart. */
  readonly series: string;
  /** Above 0 is better. */
  readonly mean: number;
  /** Null: no interval is known. */
  readonly low: number | null;
  readonly high: number | null;
  /** Written at the right. */
  readonly text: string;
  readonly colour: string;
  readonly shape: string;
}

const LINE_HEIGHT = 17;
const BAR_HEIGHT = 12;
const SINGLE_LINE_HEIGHT = 26;
const TEXT_ROOM = 64;

/**
 * Lines from top to bottom in the order given.
 *
 * @param axis - Title of the x axis.
 * @param bars - Bars from 0 in place of points.
 */
export function intervalSpec(points: readonly IntervalPoint[], axis: string, bars = false): TopLevelSpec {
  const drawn = points.map((point) => ({ ...point, group: shortLabel(point.group) }));
  const groups = [...new Set(drawn.map(({ group }) => group))];
  const seriesNames = [...new Set(drawn.map(({ series }) => series))];
  const padding: Padding = { left: labelRoom(groups), right: TEXT_ROOM, top: 4, bottom: 44 };
  const x = { type: "quantitative", scale: { domain: domainOf(drawn), nice: true } } as const;
  const colour = { field: "colour", type: "nominal", scale: null } as const;
  const single = seriesNames.length === 1;
  const yOffset = { field: "series", type: "nominal", sort: null, scale: { domain: seriesNames } } as const;
  return {
    ...frame(padding),
    height: { step: single ? SINGLE_LINE_HEIGHT : LINE_HEIGHT },
    data: { values: drawn },
    encoding: {
      y: {
        field: "group",
        type: "nominal",
        sort: null,
        scale: { domain: groups, paddingInner: single ? 0 : 0.15, paddingOuter: 0.1 },
        axis: { title: null, grid: !single, tickBand: "extent" },
      },
      ...(single ? {} : { yOffset }),
    },
    layer: [
      ...(bars
        ? [
            {
              mark: { type: "rule", strokeWidth: BAR_HEIGHT, opacity: 0.85 }, // lies in the middle of its line, as intervals do
              encoding: {
                x: { ...x, field: "mean", axis: { title: axis, tickCount: 4 } },
                x2: { datum: 0 },
                stroke: colour,
              },
            } as const,
          ]
        : []),
      {
        mark: { type: "rule", stroke: "var(--muted)", strokeWidth: 1 },
        encoding: { x: { ...x, datum: 0 }, y: { value: 0 }, y2: { value: "height" }, yOffset: { value: 0 } },
      },
      {
        transform: [{ filter: "datum.low !== null && datum.high !== null" }],
        mark: { type: "rule", strokeWidth: bars ? 1.5 : 2, stroke: bars ? "var(--ink)" : undefined },
        encoding: {
          x: { ...x, field: "low", axis: { title: axis, tickCount: 4 } },
          x2: { field: "high" },
          ...(bars ? {} : { stroke: colour }),
        },
      },
      ...(bars
        ? []
        : [
            {
              mark: { type: "point", filled: true, size: 52, opacity: 1 },
              encoding: {
                x: { ...x, field: "mean", axis: { title: axis, tickCount: 4 } },
                fill: colour,
                shape: { field: "shape", type: "nominal", scale: null },
              },
            } as const,
          ]),
      {
        mark: { type: "text", align: "right", baseline: "middle", fontSize: 10.5 },
        encoding: {
          x: { value: WIDTH - padding.left - 4 },
          text: { field: "text", type: "nominal" },
        },
      },
    ],
  };
}

/** All figures and 0; never empty. */
function domainOf(points: readonly IntervalPoint[]): [low: number, high: number] {
  const values = points
    .flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean])
    .filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  return low === high ? [-1, 1] : [low, high];
}
