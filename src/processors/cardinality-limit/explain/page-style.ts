/** Follows the reader's choice of light or dark; nothing is fetched for it. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2330, #dde3ec);
  --faint: light-dark(#5c6675, #97a3b4);
  --page: light-dark(#f5f6f8, #14181f);
  --card: light-dark(#ffffff, #1c222c);
  --line: light-dark(#dfe3e9, #303948);
  --over: light-dark(#b3261e, #ff8f85);
  --near: light-dark(#8a5a00, #f0b850);
  --mark: light-dark(#fff4e0, #3a2f1a);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.75rem; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.15rem; }
h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
h4 { margin: 1.25rem 0 0.25rem; font-size: 0.95rem; }
small, footer, dt, .more { color: var(--faint); font-weight: normal; }
header { display: grid; grid-template-columns: 1fr auto; align-items: baseline; gap: 0 1rem; }
header .summary { grid-column: 1 / -1; grid-row: 2; margin: 0.25rem 0 0; font-size: 1.1rem; }
a { color: inherit; }
b.over, .over .state { color: var(--over); }
b.near, .near .state { color: var(--near); }
.state { font-size: 0.85rem; font-weight: 600; white-space: nowrap; }
article { margin: 1rem 0; padding: 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-left: 4px solid var(--near); border-radius: 6px; }
article.over { border-left-color: var(--over); }
.explanation { margin: 0.5rem 0; font-size: 1.05rem; overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin: 0.75rem 0; }
dt { font-size: 0.8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--faint); font-weight: normal; font-size: 0.8rem; }
th[scope='row'] { font-weight: normal; overflow-wrap: anywhere; min-width: 9rem; }
td:last-child { min-width: 14rem; }
tr.driver { background: var(--mark); }
tr.driver th { font-weight: 600; }
.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
meter { width: 6rem; vertical-align: middle; }
code { font: 0.85rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
td code { background: var(--page); border-radius: 3px; padding: 0.05rem 0.3rem; }
pre { margin: 0.25rem 0 0; padding: 0.75rem; overflow-x: auto; background: var(--page); border: 1px solid var(--line);
  border-radius: 6px; }
footer { margin-top: 3rem; font-size: 0.85rem; }
`;
