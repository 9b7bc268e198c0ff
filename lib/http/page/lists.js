/** Writes an explanation into the page. */

/** Why the language model has no part, in words. */
const reasons = {
  off: "There is no language model here.",
  short: "There are too few items to order.",
  shed: "The deadline leaves it no time, so it was not asked.",
  open: "It failed several times and is left alone for a moment.",
  timeout: "The deadline passed before it had an answer.",
  aborted: "The deadline passed before it had an answer.",
  fault: "It failed.",
  invalid: "Its answer was malformed.",
  "too-long": "The prompt does not fit what it can read at once.",
};

const $ = (id) => document.getElementById(id);

/** An element with a class and what is in it. */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const hidden = (text) => element("span", "hidden", text);

/** The three lists, with what moved where. */
export function showLists(explanation) {
  const { conventional, languageModel, mixed } = explanation;
  const before = new Map(conventional.map(({ id, place }) => [keyOf(id), place]));
  for (const { id, conventionalPlace } of mixed) before.set(keyOf(id), conventionalPlace);

  $("conventional").replaceChildren(
    ...conventional.map((item) =>
      row(item, row.plain(item, element("span", "score", hidden("score "), item.score.toFixed(2)))),
    ),
  );
  $("model").replaceChildren(
    ...(languageModel ?? []).map((item) =>
      row(item, row.plain(item, movement(item.place, before.get(keyOf(item.id)) ?? null))),
    ),
  );
  if (languageModel === null) $("model").append(element("li", "none", reasonOf(explanation)));
  $("mixed").replaceChildren(
    ...mixed.map((item) => row(item, withReasons(item, explanation.becauseApproximate))),
  );
  if (mixed.length === 0) $("mixed").append(element("li", "none", "Nothing is left to recommend."));
  return mixed.filter(({ place, conventionalPlace }) => place !== conventionalPlace).length;
}

/** Why there is no list of the language model. */
export const reasonOf = ({ notRefined }) => reasons[notRefined] ?? `It has no part in it: ${notRefined}.`;

/** Ids may be numbers or texts: 7 and "7" are two. */
const keyOf = (id) => JSON.stringify(id);

function row(item, content) {
  const made = element("li", "", content);
  made.dataset.key = keyOf(item.id);
  return made;
}

row.plain = (item, beside) =>
  element(
    "div",
    "item",
    element("span", "place", String(item.place)),
    element("span", "title", item.title),
    beside,
  );

/** How far an item moved from its place in the conventional list. */
function movement(place, from) {
  if (from === null || from === place)
    return element("span", "move level", element("span", "", from === null ? "" : "="), hidden("same place"));
  const steps = Math.abs(from - place);
  const up = from > place;
  const arrow = element("span", "", `${up ? "\u25b2" : "\u25bc"} ${steps}`);
  arrow.setAttribute("aria-hidden", "true");
  return element(
    "span",
    `move ${up ? "up" : "down"}`,
    arrow,
    hidden(`${up ? "up" : "down"} ${steps} from place ${from}`),
  );
}

function withReasons(item, approximate) {
  const { because, place, conventionalPlace } = item;
  if (because.length === 0) return row.plain(item, movement(place, conventionalPlace));
  const made = element("details", "");
  made.append(
    element(
      "summary",
      "",
      element("span", "place", String(place)),
      element("span", "title", item.title),
      movement(place, conventionalPlace),
    ),
    element(
      "ul",
      "because",
      element("li", "", `because of${approximate ? ", roughly" : ""}`),
      ...because.map(({ title, share }) =>
        element(
          "li",
          "",
          element("span", "", title),
          element("span", "share", `${Math.round(share * 100)} %`),
        ),
      ),
    ),
  );
  return made;
}

/** Marks an item in all lists while one points at it. */
export function followItem(lists) {
  const mark = (key) => {
    for (const each of lists.querySelectorAll("li[data-key]"))
      each.classList.toggle("same", key !== undefined && each.dataset.key === key);
  };
  lists.addEventListener("mouseover", (event) => mark(event.target.closest("li[data-key]")?.dataset.key));
  lists.addEventListener("mouseleave", () => mark(undefined));
  lists.addEventListener("focusin", (event) => mark(event.target.closest("li[data-key]")?.dataset.key));
}

/** alpha and the numbers it comes from. */
export function showAlpha(explanation) {
  const { alpha, foldIn } = explanation;
  if (alpha === null) {
    $("why").replaceChildren(element("p", "", reasons.off));
    return;
  }
  const { value, adaptive, interactions, coefficient, range, alpha1, alpha2, form } = alpha;
  const width = range.max - range.min;
  const scaled = width > 0 ? Math.min(1, Math.max(0, (range.max - coefficient) / width)) : 0;
  const two = (number) => number.toFixed(2);
  const formula =
    form === "scaled"
      ? `\u03b1 = \u03b11 \u00b7 max(x, \u03b12) = ${alpha1} \u00b7 max(${two(scaled)}, ${alpha2}) = ${two(adaptive)}`
      : `\u03b1 = max(\u03b11 \u00b7 x, \u03b12) = max(${alpha1} \u00b7 ${two(scaled)}, ${alpha2}) = ${two(adaptive)}`;
  const facts = [
    ["interactions", String(interactions)],
    ["long-tail coefficient", two(coefficient)],
    ["range of all users", `${two(range.min)} to ${two(range.max)}`],
    ["x, 1 for the sparsest", two(scaled)],
  ];
  const list = element("dl", "facts");
  for (const [name, text] of facts)
    list.append(element("div", "", element("dt", "", name), element("dd", "", text)));
  $("why").replaceChildren(
    element(
      "p",
      "",
      "The fewer interactions somebody has, the more the language model weighs; validation chose \u03b11 and \u03b12.",
    ),
    list,
    element("p", "formula", formula),
    ...(Math.abs(value - adaptive) < 1e-9
      ? []
      : [element("p", "", `The slider says ${two(value)} instead.`)]),
    element("p", "faint", `Somebody who was not in training is served by ${foldIn}.`),
  );
}

/** The history that the lists are for. */
export function showHistory({ history }) {
  $("history").hidden = history.length === 0;
  $("history-count").textContent = `${history.length}${history.length === 50 ? " newest" : ""}`;
  $("history-items").replaceChildren(
    ...history.map(({ title, rating }) =>
      element(
        "li",
        "",
        element("span", "", title),
        ...(rating === undefined ? [] : [element("span", "rating", hidden("rated "), `${rating} \u2605`)]),
      ),
    ),
  );
}

/** The text that the language model was shown. */
export function showPrompt({ prompt }) {
  $("prompt").value = prompt ?? "None was sent.";
  $("prompt-size").textContent = prompt === null ? "" : `${prompt.length.toLocaleString("en")} characters`;
}
