/** Milliseconds of the last answers, as small bars. */
import { element } from "./lists.js";

const most = 100;
const [width, height] = [300, 34];
const svg = "http://www.w3.org/2000/svg";

/** @returns {{ add(timings: { conventionalMs: number, languageModelMs: number }): number }} */
export function latencies(into) {
  const rows = [speed("conventional", "Conventional"), speed("model", "Language model")];
  into.append(...rows.map(({ made }) => made));
  let count = 0;
  return {
    add({ conventionalMs, languageModelMs }) {
      rows[0].add(conventionalMs);
      rows[1].add(languageModelMs);
      count = Math.min(most, count + 1);
      return count;
    },
  };
}

function speed(kind, name) {
  const values = [];
  const now = element("span", "figure", "\u2013");
  const picture = document.createElementNS(svg, "svg");
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${name}: no answers yet`);
  const made = element("div", `speed ${kind}`, element("p", "", element("span", "", name), now), picture);
  return {
    made,
    add(value) {
      values.push(value);
      if (values.length > most) values.shift();
      const sorted = [...values].sort((a, b) => a - b);
      const at = (share) => sorted[Math.floor(share * (values.length - 1))];
      now.textContent = `${text(value)} \u00b7 median ${text(at(0.5))} ms`;
      picture.setAttribute("aria-label", `${name}: ${now.textContent}`);
      const top = Math.max(1.25 * at(0.95), 1e-3); // one outlier does not flatten the others
      picture.replaceChildren(
        base(),
        ...values.map((each, at) => bar(at + most - values.length, each / top)),
      );
    },
  };
}

function bar(at, share) {
  const step = width / most;
  const tall = Math.max(1, Math.min(1, share) * (height - 2));
  return shape("rect", { x: at * step, y: height - 1 - tall, width: step - 0.8, height: tall });
}

const base = () => shape("line", { class: "base", x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 });

function shape(name, attributes) {
  const made = document.createElementNS(svg, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

const text = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
