/** Pieces of HTML. Everything that comes in as text goes out escaped. */

import type { Chart } from "./charts/chart.js";
import { oneLine, type Table } from "./table.js";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** One line of text, for content and quoted attributes. */
export function escapeHtml(text: string): string {
  return oneLine(text)
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/(\d) %/g, "$1\u00a0%"); // a figure keeps its sign on its line
}

/** A table that scrolls sideways, by keyboard too, where the page is narrow. */
export function tableHtml({ caption, columns, lines }: Table): string {
  const cell = (tag: string, text: string, column: number, more = ""): string =>
    `<${tag}${columns[column].numeric ? ' class="n"' : ""}${more}>${escapeHtml(text)}</${tag}>`;
  const head = columns.map(({ title }, column) => cell("th", title, column, ' scope="col"')).join("");
  const body = lines
    .map(({ cells, strong }) => {
      const written = cells.map((text, column) =>
        column === 0 ? cell("th", text, column, ' scope="row"') : cell("td", text, column),
      );
      return `<tr${strong ? ' class="strong"' : ""}>${written.join("")}</tr>`;
    })
    .join("\n");
  return (
    `<div class="table" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>` +
    `<caption>${escapeHtml(caption)}</caption>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody></table></div>`
  );
}

/**
 * A plot with its legend, its description and, folded, its tables.
 *
 * @param id - Unique within the document.
 * @param svg - As drawn; gets title and description for those who cannot see it.
 */
export function figureHtml(chart: Chart, svg: string, id: string): string {
  const title = escapeHtml(chart.title);
  const description = escapeHtml(chart.description);
  const legend = chart.legend.map(
    ({ label, colour, symbol }) =>
      `<li><span style="color: ${escapeHtml(colour)}" aria-hidden="true">${escapeHtml(symbol)}</span>${escapeHtml(label)}</li>`,
  );
  const named = svg.replace(
    /^<svg ([^>]*)>/,
    (_, attributes: string) =>
      `<svg ${attributes} role="img" aria-labelledby="${id}-title ${id}-desc">` +
      `<title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>`,
  );
  return [
    `<figure id="${id}">`,
    `<h4>${title}</h4>`,
    legend.length === 0 ? "" : `<ul class="legend">${legend.join("")}</ul>`,
    named,
    `<figcaption>${description}</figcaption>`,
    `<details><summary>The figures as a table</summary>${chart.tables.map(tableHtml).join("\n")}</details>`,
    "</figure>",
  ].join("\n");
}

/** Names with their values. */
export function termsHtml(terms: readonly (readonly [name: string, value: string])[]): string {
  const items = terms.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<dl class="about">${items.join("\n")}</dl>`;
}

/** Lines as a list. */
export function listHtml(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}</ul>`;
}
