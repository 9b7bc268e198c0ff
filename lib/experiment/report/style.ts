/** The report's style sheet: light, dark and print by variables that the plots use too; one column on a phone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --card: #ffffff; --ink: #1d2125; --muted: #5b6169; --line: #dcdee2;
  --better: #0b7f5b; --worse: #c2410c; --strong: #eef4fc; --link: #0b5cad;
  --series-0: #0b68cb; --series-1: #c2620a; --series-2: #0f8a6d; --series-3: #b3436d;
  --series-4: #8145b5; --series-5: #6b7280; --series-6: #8a6d1f; --series-7: #22869a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #121416; --card: #1b1e22; --ink: #e6e8ea; --muted: #a3a9b1; --line: #363b41;
    --better: #3fbf92; --worse: #f08a52; --strong: #1d2a3a; --link: #7db8f5;
    --series-0: #6fb3fa; --series-1: #f2a65e; --series-2: #4cc9a4; --series-3: #f08bb0;
    --series-4: #c095f0; --series-5: #a1a8b3; --series-6: #d6b656; --series-7: #6bcbdc;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; text-wrap: balance; }
h2 { font-size: 21px; line-height: 1.25; margin: 44px 0 10px; overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 26px 0 8px; }
h4 { font-size: 15px; margin: 0 0 4px; overflow-wrap: anywhere; }
a { color: var(--link); }
p, ul { margin: 0 0 10px; }
ul { padding-left: 1.3em; }
.muted, figcaption, caption { color: var(--muted); }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 10px 0 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 14px 0; padding: 0; }
.tile, figure, .table, .about { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tile { padding: 10px 14px; }
.tile dt { font-size: 13px; line-height: 1.35; color: var(--muted); }
.tile dd { margin: 2px 0 0; }
.tile dd:first-of-type { font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile dd + dd { font-size: 13px; color: var(--muted); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 14px; align-items: start; }
figure { margin: 0; padding: 14px; min-width: 0; }
figure svg { display: block; width: 100%; max-width: 560px; height: auto; margin: 4px auto; overflow: visible; }
figcaption { font-size: 13px; line-height: 1.45; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 14px; padding: 0; margin: 4px 0; font-size: 13px; }
.legend span { display: inline-block; width: 1.2em; }
details { margin-top: 8px; font-size: 13px; }
summary { cursor: pointer; color: var(--link); }
.table { overflow-x: auto; margin: 0 0 14px; }
details .table { margin: 8px 0 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 9px 12px 6px; font-size: 13px; }
th, td { padding: 5px 8px; text-align: left; border-top: 1px solid var(--line); vertical-align: top; }
thead th { font-weight: 600; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 7em; }
td.n, th.n { text-align: right; }
td.n { white-space: nowrap; }
tr.strong > * { background: var(--strong); }
tr.strong > :not(.n) { font-weight: 650; }
.about { padding: 12px 14px; margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; font-size: 14px; }
.about dt { color: var(--muted); }
.about dd { margin: 0; overflow-wrap: anywhere; }
footer { padding-top: 30px; padding-bottom: 40px; font-size: 13px; color: var(--muted); }
@media (max-width: 600px) {
  header, main, footer { padding-left: 12px; padding-right: 12px; }
  figure { padding: 10px 8px; }
  .about { grid-template-columns: 1fr; gap: 0; }
  .about dd { margin-bottom: 8px; }
}
@media print {
  body { background: none; font-size: 11pt; }
  header, main, footer { max-width: none; padding: 0; }
  nav, summary { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .plots { grid-template-columns: 1fr 1fr; }
  figure, .tile, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .table { overflow: visible; border: 0; }
  table { font-size: 8pt; }
  th, td { padding: 2px 5px; }
}
`;
