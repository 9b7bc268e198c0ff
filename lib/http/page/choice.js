/** A field that finds things while one types: the combobox pattern of WAI-ARIA, with arrows, Enter and Escape. */

/** Milliseconds without a key before it looks. */
const pause = 120;

/**
 * @param {HTMLInputElement} field
 * @param {HTMLElement} list
 * @param {{
 *   search: (text: string) => Promise<readonly any[]>,
 *   texts: (found: any) => readonly [string, string],
 *   onPick: (found: any) => void,
 * }} options
 */
export function combobox(field, list, { search, texts, onPick }) {
  let found = [];
  let active = -1;
  let timer;
  let asked = 0;

  const isOpen = () => !list.hidden;
  const close = () => {
    list.hidden = true;
    active = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const activate = (index) => {
    active = index;
    for (const [at, option] of [...list.children].entries()) {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    if (index >= 0) field.setAttribute("aria-activedescendant", list.children[index].id);
  };
  const pick = (index) => {
    close();
    onPick(found[index]);
  };
  const look = async () => {
    const turn = ++asked;
    const results = await search(field.value);
    if (turn !== asked || document.activeElement !== field) return;
    found = results;
    list.replaceChildren(...found.map(optionOf));
    list.hidden = found.length === 0;
    field.setAttribute("aria-expanded", String(isOpen()));
    activate(-1);
  };
  const optionOf = (each, index) => {
    const option = document.createElement("div");
    option.id = `${list.id}-${index}`;
    option.setAttribute("role", "option");
    const [name, note] = texts(each);
    option.append(name);
    const beside = document.createElement("span");
    beside.className = "count";
    beside.textContent = note;
    option.append(beside);
    option.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the field keeps the focus
      pick(index);
    });
    return option;
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, pause);
  });
  field.addEventListener("focus", () => {
    field.select();
    void look();
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (!isOpen()) void look();
      else if (active < 0) activate(step > 0 ? 0 : found.length - 1);
      else activate((active + step + found.length) % found.length);
    } else if (event.key === "Enter" && isOpen()) {
      event.preventDefault();
      pick(Math.max(0, active));
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      close();
    }
  });
}
