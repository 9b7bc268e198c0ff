/** The page in a real browser; without one these are skipped. */
import test, { type ExecutionContext } from "ava";
import { chromium, Page } from "./browser.js";
import { type Served, served } from "./served.js";

const browser = chromium();
const inBrowser = browser === null ? test.skip : test.serial;

/** The page in a window of a size, when it shows lists. */
async function opened(
  t: ExecutionContext,
  { hash = "", width = 1280, height = 900, keys = [] as readonly string[] } = {},
): Promise<{ page: Page; server: Served }> {
  const server = await served(t, { ui: true, keys });
  const page = await Page.open(browser ?? "", `${server.url}/${encodeURI(hash)}`, { width, height });
  t.teardown(() => page[Symbol.asyncDispose]());
  if (keys.length === 0) await page.until(`${count("#mixed > li")} === 10`);
  return { page, server };
}

const count = (selector: string): string => `document.querySelectorAll(${JSON.stringify(selector)}).length`;
const text = (selector: string): string => `document.querySelector(${JSON.stringify(selector)}).textContent`;
/** Sets a field as a person does. */
const set = (id: string, value: string): string =>
  `{ const field = document.getElementById(${JSON.stringify(id)}); field.value = ${JSON.stringify(value)};
     field.dispatchEvent(new Event("input")); }`;

inBrowser("it shows three lists of a user, with what moved told in words", async (t) => {
  const { page } = await opened(t, { hash: '#{"user":"user-003"}' });
  await page.evaluate(set("deadline", "500"));
  await page.until(`${count("#model > li[data-key]")} === 10`);
  t.is(await page.evaluate(count("#conventional > li")), 10);
  t.regex(
    String(await page.evaluate(text("#status"))),
    /user user-003 the language model weighs 0\.\d+: \d+ of 10/,
  );
  const moves = String(await page.evaluate(text("#model")));
  t.regex(moves, /(up|down) \d from place \d/);
  t.regex(String(await page.evaluate("document.getElementById('prompt').value")), /Title \d+/);
  t.regex(String(await page.evaluate(text(".formula"))), /0\.8 · max\(/);
});

inBrowser("the slider takes the place of alpha, and gives it back", async (t) => {
  const { page } = await opened(t, { hash: '#{"user":"user-003"}' });
  await page.evaluate(set("deadline", "500"));
  await page.until(`${count("#model > li[data-key]")} === 10`);
  const titles = (list: string): string =>
    `[...document.querySelectorAll("#${list} > li")].map((item) => item.dataset.key).join()`;
  await page.evaluate(set("alpha", "0"));
  await page.until(`${titles("mixed")} === ${titles("conventional")}`);
  await page.evaluate(set("alpha", "1"));
  await page.until(`${titles("mixed")} === ${titles("model")}`);
  await page.evaluate("document.getElementById('alpha-own').click()");
  await page.until(`${text("#alpha-value")}.includes("(own)")`);
  t.true(await page.evaluate("document.getElementById('alpha-own').hidden"));
});

inBrowser("somebody new is made of items found by their titles, with the keyboard alone", async (t) => {
  const { page } = await opened(t);
  await page.evaluate("document.querySelector('[value=new]').click()");
  for (const [at, title] of ["Title 12", "Title 59"].entries()) {
    await page.evaluate("document.getElementById('item').blur(), document.getElementById('item').focus()");
    await page.type(title);
    await page.until(`${text("#items")}.startsWith(${JSON.stringify(title)})`);
    await page.press("ArrowDown");
    t.is(
      await page.evaluate("document.getElementById('item').getAttribute('aria-activedescendant')"),
      "items-0",
    );
    await page.press("Enter");
    await page.until(`${count("#picks > li")} === ${at + 1}`);
  }
  await page.until(`${text("#history-count")} === "2"`);
  t.regex(String(await page.evaluate(text("#status"))), /^For somebody new/);
  t.is(await page.evaluate("decodeURIComponent(location.hash)"), '#{"history":[1012,1059]}');
  await page.evaluate("document.querySelector('#picks button').click()");
  await page.until(`${text("#history-count")} === "1"`);
});

inBrowser("on a phone one list at a time, and nothing is wider than the screen", async (t) => {
  const { page } = await opened(t, { width: 390, height: 844 });
  const shown = `[...document.querySelectorAll(".list")].filter((list) => list.offsetHeight > 0).length`;
  t.is(await page.evaluate(shown), 1);
  await page.evaluate("document.querySelector('[name=show][value=model]').click()");
  t.is(await page.evaluate(shown), 1);
  t.is(await page.evaluate("document.documentElement.scrollWidth"), 390);
});

inBrowser("where the server wants a key, the page asks for it", async (t) => {
  const { page } = await opened(t, { keys: ["first-key-0123456789"] });
  await page.until("document.getElementById('key-dialog').open");
  await page.evaluate("document.getElementById('key').focus()");
  await page.type("first-key-0123456789");
  await page.press("Enter");
  await page.until(`${count("#mixed > li")} === 10`);
  t.pass();
});

inBrowser(
  "nothing is loaded from elsewhere, nothing breaks the policy, every field has a name",
  async (t) => {
    const { page, server } = await opened(t);
    const loaded = await page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)");
    for (const name of loaded as string[])
      t.true(name.startsWith(server.url) || name.startsWith("data:"), name);
    const { headers } = await server.get("/");
    const policy = headers.get("content-security-policy") ?? "";
    t.regex(policy, /default-src 'none'/);
    t.notRegex(policy, /unsafe|\*|https?:/);
    const nameless = `[...document.querySelectorAll("input, textarea, button")].filter((field) =>
    !field.labels?.length && !field.ariaLabel && !field.textContent.trim()).length`;
    t.is(await page.evaluate(nameless), 0);
  },
);
