import { createHash } from 'node:crypto';
import { amountText, changeText } from './amounts.ts';
import { STYLE } from './html-style.ts';
import { escaped } from './html-text.ts';
import { comparisonBars, timelinePlot } from './plots.ts';
import type { EffectReport, Line, Section } from './sections.ts';
import { split, tableOf, unchangedText, type Row } from './tables.ts';
import { isBad, subjectOf, verdictOf } from './verdict.ts';

/**
 * The effect as one page: no script, nothing from elsewhere, and a policy that allows neither. All that comes from data or
 * from the command line is escaped.
 */
export function effectHtml(report: EffectReport): string {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const { shown, unchanged } = split(report.sections);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(`${verdictOf(report)[0] ?? ''} Effect of ${report.newName}`)}</title>
<style>${STYLE}</style>
</head>
<body>
${header(report)}
<main>
${tiles(report)}
${remarks(report)}
${shown.map((section) => sectionHtml(section, report)).join('\n')}
${timeline(report)}
${unchanged.length === 0 ? '' : `<p class="about">${unchangedText(unchanged)}</p>`}
</main>
<footer>Written by remora diff. Bytes are those of OTLP before compression.</footer>
</body>
</html>
`;
}

function header(report: EffectReport): string {
  return `<header>
<h1>Effect of a change</h1>
<dl class="files"><dt><span class="key old"></span>old</dt><dd><code>${escaped(report.oldName)}</code></dd><dt><span class="key new"></span>new</dt><dd><code>${escaped(report.newName)}</code></dd></dl>
<p class="verdict ${isBad(report) ? 'bad' : 'good'}">${escaped(verdictOf(report).join(' '))}</p>
<p class="about">${escaped(subjectOf(report))}</p>
</header>`;
}

/** What is looked for first: what is lost, then what is saved. */
function tiles({ totals, currency, sections: [summary] }: EffectReport): string {
  const { errorsLost, errorSpans, errorLogs, tracesBroken, tracesGone, old, traces } = totals;
  const errors = errorSpans.old + errorLogs.old;
  const lost = errors === 0 ? 'none was delivered before' : `of ${amountText(errors, 'count', '')} delivered before`;
  const broken = traces === 0 ? 'there is no trace' : `of ${amountText(old.whole, 'count', '')} that were whole`;
  const delivered = amountText(old.whole + old.broken, 'count', '');
  const gone = tile(
    'Traces gone',
    amountText(tracesGone, 'count', ''),
    tracesGone > 0 ? 'changed' : 'good',
    `of ${delivered} delivered before`,
  );
  const savings = ['Cost a month', 'Bytes delivered', 'Items delivered', 'Series'].flatMap(
    (name) => summary?.lines.find((line) => line.name === name) ?? [],
  );
  return `<section class="tiles" aria-label="What matters most">
${lossTile('Errors lost', errorsLost, lost)}
${lossTile('Traces broken', tracesBroken, broken)}${traces === 0 ? '' : `\n${gone}`}
${savings.map((line) => changeTile(line, currency)).join('\n')}
</section>`;
}

function lossTile(name: string, count: number, about: string): string {
  return tile(name, amountText(count, 'count', ''), count > 0 ? 'bad' : 'good', about);
}

function changeTile({ name, unit, old, new: now }: Line, currency: string): string {
  const [before, after] = [amountText(old, unit, currency), amountText(now, unit, currency)];
  const change = changeText(old, now);
  return change === '='
    ? tile(name, after, 'same', 'unchanged')
    : tile(name, change, 'changed', `${before} \u2192 ${after}`);
}

function tile(name: string, value: string, state: string, about: string): string {
  return `<div class="tile ${state}"><h2>${escaped(name)}</h2><p class="value">${escaped(value)}</p><p class="about">${escaped(about)}</p></div>`;
}

function timeline({ timeline: { old, new: now, stepMs } }: EffectReport): string {
  if (Math.max(...old, ...now) === 0) return '';
  return `<section><h2>Delivered over time</h2><p class="about">Bytes in each ${stepMs / 1000} s of virtual time, <span class="key old"></span>old and <span class="key new"></span>new; at the end what was held is delivered.</p>
${timelinePlot(old, now, stepMs)}</section>`;
}

function sectionHtml(section: Section, report: EffectReport): string {
  const { id, title, about } = section;
  const { heads, rows, rest } = tableOf(section, report);
  const hasBars = !UNLIKE.has(id);
  const largest = Math.max(...rows.flatMap(({ line }) => [shareOf(line).old, shareOf(line).new]));
  const columns = ['name', ...(hasBars ? [''] : []), ...heads];
  const head = columns.map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  const body = rows.map((row) => rowHtml(row, heads, hasBars ? largest : undefined)).join('\n');
  return `<section id="${id}"><h2>${title}</h2>${about === '' ? '' : `<p class="about">${about}</p>`}
<div class="scroll"><table><thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>${rest === '' ? '' : `<p class="about">${rest}</p>`}</section>`;
}

/** Sections whose lines are of different things, or of a few, so that bars say nothing. */
const UNLIKE: ReadonlySet<string> = new Set(['summary', 'signals', 'errors', 'error-spans', 'error-logs', 'broken']);

function rowHtml({ line, cells }: Row, heads: readonly string[], largest: number | undefined): string {
  const { old, new: now } = shareOf(line);
  const bars = largest === undefined ? '' : `<td class="chart">${comparisonBars(old, now, largest)}</td>`;
  const isWorse = line.worse === 'more' ? line.new > line.old : line.worse === 'less' && line.new < line.old;
  const data = heads.map((head, n) => {
    const state = head === 'change' && isWorse ? ' class="worse"' : '';
    return `<td data-head="${head}"${state}>${escaped(cells[n] ?? '')}</td>`;
  });
  return `<tr><th scope="row">${escaped(line.name)}</th>${bars}${data.join('')}</tr>`;
}

/** What a bar is as long as. */
function shareOf({ old, new: now, bytes }: Line): { readonly old: number; readonly new: number } {
  return bytes ?? { old, new: now };
}

function remarks({ remarks: all }: EffectReport): string {
  if (all.length === 0) return '';
  return `<section class="notes"><h2>To know when reading</h2><ul>${all.map((remark) => `<li>${escaped(remark)}</li>`).join('')}</ul></section>`;
}
