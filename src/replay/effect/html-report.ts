import { createHash } from 'node:crypto';
import { amountText, bytesText, changeText, tableOf } from './amounts.ts';
import { comparisonBars, timelinePlot } from './plots.ts';
import type { EffectReport, Line, Section } from './sections.ts';
import { escaped } from './html-text.ts';
import { STYLE } from './html-style.ts';
import { subjectOf, verdictOf } from './verdict.ts';

/** Sections whose lines are shown as bars beside the table. */
const PLOTTED: ReadonlySet<string> = new Set(['service', 'route', 'severity', 'metric', 'series', 'cost', 'losses']);
/** Bars of one plot at most. */
const BARS = 8;

/**
 * The effect as one page: no script, nothing from elsewhere, and a policy that allows neither. All that comes from data or
 * from the command line is escaped.
 */
export function effectHtml(report: EffectReport): string {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const [summary, ...others] = report.sections;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Effect of ${escaped(report.newName)}</title>
<style>${STYLE}</style>
</head>
<body>
${header(report)}
<main>
${tiles(report, summary)}
${timeline(report)}
${others.map((section) => sectionHtml(section, report.currency)).join('\n')}
${remarks(report)}
</main>
<footer>Written by remora diff. Bytes are those of OTLP before compression.</footer>
</body>
</html>
`;
}

function header(report: EffectReport): string {
  const { errorsLost, tracesBroken } = report.totals;
  const state = errorsLost > 0 || tracesBroken > 0 ? 'bad' : 'good';
  return `<header>
<h1>Effect of a change</h1>
<p class="files"><span class="key old"></span><code>${escaped(report.oldName)}</code> <span class="arrow">to</span> <span class="key new"></span><code>${escaped(report.newName)}</code></p>
<p class="verdict ${state}">${escaped(verdictOf(report).join(' '))}</p>
<p class="about">${escaped(subjectOf(report))}</p>
</header>`;
}

function tiles({ currency }: EffectReport, summary: Section | undefined): string {
  const all = (summary?.lines ?? []).map((line) => tile(line, currency)).join('\n');
  return `<section class="tiles" aria-label="Summary">\n${all}\n</section>`;
}

function tile({ name, unit, input, old, new: now, isLoss }: Line, currency: string): string {
  const text = (value: number): string => escaped(amountText(value, unit, currency));
  const came = input === undefined ? '' : `<p class="about">${text(input)} came in</p>`;
  const isWorse = name.startsWith('Error') || name === 'Traces whole' ? now < old : isLoss === true && now > old;
  return `<div class="tile"><h2>${escaped(name)}</h2><p class="value">${text(now)}</p><p class="was${isWorse ? ' worse' : ''}">was ${text(old)} <b>${changeText(old, now)}</b></p>${came}</div>`;
}

function timeline({ timeline: { old, new: now, stepMs } }: EffectReport): string {
  if (Math.max(...old, ...now) === 0) return '';
  return `<section><h2>Delivered over time</h2><p class="about">Bytes in each ${stepMs / 1000} s of virtual time; at the end what was held is delivered.</p>
${timelinePlot(old, now, stepMs)}</section>`;
}

function sectionHtml(section: Section, currency: string): string {
  const { id, title, about, lines, more } = section;
  const rest = more > 0 ? `<p class="about">And ${more} more that changed less.</p>` : '';
  const plot = PLOTTED.has(id) ? comparisonBars(title, lines.slice(0, BARS).map(barOf(currency))) : '';
  return `<section id="${id}"><h2>${title}</h2><p class="about">${about}</p>${plot}
<div class="scroll">${tableHtml(section, currency)}</div>${rest}</section>`;
}

function barOf(currency: string) {
  return ({ name, unit, old, new: now, bytes }: Line) => ({
    name,
    old: bytes?.old ?? old,
    new: bytes?.new ?? now,
    text: (value: number) => (bytes === undefined ? amountText(value, unit, currency) : bytesText(value)),
  });
}

function tableHtml(section: Section, currency: string): string {
  const { heads, rows } = tableOf(section, currency);
  const head = heads.map((text, n) => `<th scope="col">${n === 0 ? 'name' : escaped(text)}</th>`).join('');
  const body = rows.map(([name = '', ...cells]) => {
    const data = cells.map((text) => `<td>${escaped(text)}</td>`).join('');
    return `<tr><th scope="row">${escaped(name)}</th>${data}</tr>`;
  });
  return `<table><thead><tr>${head}</tr></thead>\n<tbody>${body.join('\n')}</tbody></table>`;
}

function remarks({ remarks: all }: EffectReport): string {
  if (all.length === 0) return '';
  return `<section><h2>Notes</h2><ul>${all.map((remark) => `<li>${escaped(remark)}</li>`).join('')}</ul></section>`;
}
