/** The page: chooses somebody, asks for an explanation, shows it. */
import { combobox } from "./choice.js";
import { latencies } from "./latency.js";
import { element, followItem, reasonOf, showAlpha, showHistory, showLists, showPrompt } from "./lists.js";

const $ = (id) => document.getElementById(id);

const state = { who: "user", user: undefined, picks: [], alpha: null };
const speeds = latencies($("latencies"));
let running;

/** Asks the server; a key is asked for where it wants one. */
async function ask(path, options = {}) {
  const key = sessionStorage.getItem("key");
  const headers = { ...options.headers, ...(key === null ? {} : { "x-api-key": key }) };
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    sessionStorage.setItem("key", await askedKey());
    return ask(path, options);
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? response.statusText);
  return answer;
}

function askedKey() {
  const dialog = $("key-dialog");
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve($("key").value), { once: true });
  });
}

const found = async (kind, text) =>
  (await ask(`ui/${kind}?${new URLSearchParams({ q: text, limit: "30" })}`).catch(fail))?.[kind] ?? [];

function fail(error) {
  if (error.name === "AbortError") return;
  $("alert").textContent = error.message;
  $("alert").hidden = false;
}

/** The person as a request names them; null where nobody is chosen. */
function whom() {
  if (state.who === "user") return state.user === undefined ? null : { user: state.user };
  return state.picks.length === 0 ? null : { history: state.picks.map(({ id }) => id) };
}

async function refresh() {
  const person = whom();
  if (person === null) return;
  remember();
  running?.abort();
  running = new AbortController();
  const body = { ...person, k: 10, deadlineMs: Number($("deadline").value) };
  if (state.alpha !== null) body.alpha = state.alpha;
  try {
    const explanation = await ask("explain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: running.signal,
    });
    show(explanation);
  } catch (error) {
    fail(error);
  }
}

function show(explanation) {
  $("alert").hidden = true;
  const moved = showLists(explanation);
  showAlpha(explanation);
  showHistory(explanation);
  showPrompt(explanation);
  $("snapshot").textContent = `snapshot ${explanation.snapshot}`;
  $("latency-count").textContent = `last ${speeds.add(explanation.timings)}`;
  const { alpha, notRefined } = explanation;
  $("alpha").disabled = alpha === null;
  if (alpha !== null && state.alpha === null) $("alpha").value = String(alpha.value);
  showSliders(alpha);
  const name = state.who === "user" ? `user ${state.user}` : "somebody new";
  $("status").textContent =
    notRefined === null
      ? `For ${name} the language model weighs ${alpha.value.toFixed(2)}: ${moved} of ${explanation.mixed.length} items moved.`
      : `For ${name} the conventional list is served. ${reasonOf(explanation)}`;
}

function showSliders(alpha) {
  $("deadline-value").textContent = `${$("deadline").value} ms`;
  $("alpha-own").hidden = state.alpha === null;
  if (alpha === undefined) return;
  const own = state.alpha === null ? " (own)" : "";
  $("alpha-value").textContent = alpha === null ? "none" : `${alpha.value.toFixed(2)}${own}`;
}

/** The address names the person, so that it can be sent to somebody. */
function remember() {
  const person = whom();
  history.replaceState(null, "", person === null ? "#" : `#${encodeURIComponent(JSON.stringify(person))}`);
}

function choose(who) {
  state.who = who;
  $("choose-user").hidden = who !== "user";
  $("choose-items").hidden = who === "user";
  for (const each of document.getElementsByName("who")) each.checked = each.value === who;
  void refresh();
}

function showPicks() {
  $("picks").replaceChildren(
    ...state.picks.map(({ title }, at) => {
      const remove = element("button", "quiet", "\u00d7");
      remove.type = "button";
      remove.setAttribute("aria-label", `Remove ${title}`);
      remove.addEventListener("click", () => {
        state.picks.splice(at, 1);
        showPicks();
        $("item").focus();
        void refresh();
      });
      return element("li", "", element("span", "", title), remove);
    }),
  );
}

combobox($("user"), $("users"), {
  search: (text) => found("users", text),
  texts: ({ id, interactions }) => [String(id), `${interactions} items`],
  onPick: ({ id }) => {
    state.user = id;
    state.alpha = null;
    $("user").value = String(id);
    void refresh();
  },
});
combobox($("item"), $("items"), {
  search: (text) => found("items", text),
  texts: ({ id, title }) => [title, String(id)],
  onPick: (item) => {
    if (!state.picks.some(({ id }) => id === item.id)) state.picks.push(item);
    $("item").value = "";
    showPicks();
    void refresh();
  },
});
for (const each of document.getElementsByName("who"))
  each.addEventListener("change", () => choose(each.value));
$("alpha").addEventListener("input", () => {
  state.alpha = Number($("alpha").value);
  void refresh();
});
$("alpha-own").addEventListener("click", () => {
  state.alpha = null;
  $("alpha").focus();
  void refresh();
});
$("deadline").addEventListener("input", () => {
  showSliders();
  void refresh();
});
followItem($("lists"));
showSliders();
await start();

/** Begins with whom the address names, else with the first user there is. */
async function start() {
  const named = personOf(location.hash.slice(1));
  if (Array.isArray(named.history)) {
    state.picks = await Promise.all(named.history.map(itemOf));
    showPicks();
    return choose("new");
  }
  state.user = named.user ?? (await found("users", ""))[0]?.id;
  $("user").value = state.user === undefined ? "" : String(state.user);
  return refresh();
}

/** An item with its title, which an address does not have. */
async function itemOf(id) {
  const items = await found("items", String(id));
  return items.find((item) => item.id === id) ?? { id, title: String(id) };
}

function personOf(text) {
  try {
    return JSON.parse(decodeURIComponent(text));
  } catch {
    return {};
  }
}
