/**
 * How fields are quoted. `none`: quotes are text like any other; `doubled`: RFC 4180, a quote inside quotes is `""`;
 * `backslash`: it is `\\"`, and stray quotes inside are tolerated.
 */
export type Quoting = "none" | "doubled" | "backslash";

/**
 * Takes one row of delimited text apart.
 *
 * @returns the fields; `open` when a quoted field goes on in the next line; `broken` when text follows a closing quote
 *   (which `backslash` quoting tolerates: the quote is then part of the field)
 */
export function splitRow(row: string, delimiter: string, quoting: Quoting): string[] | "open" | "broken" {
  if (quoting === "none" || !row.includes('"')) return row.split(delimiter);
  const fields: string[] = [];
  for (let at = 0; ; at += delimiter.length) {
    let end: number;
    if (row[at] === '"') {
      const close = closingQuote(row, at + 1, delimiter, quoting);
      if (typeof close === "string") return close;
      fields.push(unescapeField(row.slice(at + 1, close), quoting));
      end = close + 1;
    } else {
      const next = row.indexOf(delimiter, at);
      end = next < 0 ? row.length : next;
      fields.push(row.slice(at, end));
    }
    if (end === row.length) return fields;
    at = end;
  }
}

/** Position of the quote that closes a field whose text starts at `from`. */
function closingQuote(
  row: string,
  from: number,
  delimiter: string,
  quoting: Quoting,
): number | "open" | "broken" {
  for (let quote = row.indexOf('"', from); quote >= 0; quote = row.indexOf('"', quote + 1)) {
    if (quoting === "backslash" && backslashesBefore(row, quote, from) % 2 === 1) continue;
    if (quote + 1 === row.length || row.startsWith(delimiter, quote + 1)) return quote;
    if (quoting === "backslash") continue;
    if (row[quote + 1] !== '"') return "broken";
    quote++;
  }
  return "open";
}

function backslashesBefore(row: string, end: number, from: number): number {
  let at = end;
  while (at > from && row[at - 1] === "\\") at--;
  return end - at;
}

function unescapeField(field: string, quoting: Quoting): string {
  if (quoting === "doubled") return field.includes('"') ? field.replaceAll('""', '"') : field;
  return field.includes("\\") ? field.replace(/\\(["\\])/g, "$1") : field;
}
