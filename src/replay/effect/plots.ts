import { bytesText, timeText } from './amounts.ts';

/**
 * Plots as inline SVG that stretches to the width there is: texts stand beside it as HTML, so that they stay readable on a
 * narrow screen. Colours are classes of the page's style, since its policy allows no style of an element.
 */

/** A bar of the old value and below it one of the new value, against the largest of all. */
export function comparisonBars(old: number, now: number, largest: number): string {
  const one = (side: 'old' | 'new', y: number, value: number): string => {
    const width = largest > 0 ? (value / largest) * 100 : 0;
    return `<rect class="${side}" y="${y}" width="${rounded(value > 0 ? Math.max(0.4, width) : 0)}" height="8"/>`;
  };
  return `<svg class="bars" viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">${one('old', 0, old)}${one('new', 10, now)}</svg>`;
}

const WIDTH = 1000;
const HEIGHT = 200;

/** Two runs of values over time: the new one filled, the old one dashed. */
export function timelinePlot(old: readonly number[], now: readonly number[], stepMs: number): string {
  const largest = niceCeiling(Math.max(...old, ...now));
  const steps = Math.max(2, old.length);
  const x = (step: number): number => (step * WIDTH) / (steps - 1);
  const y = (value: number): number => HEIGHT * (1 - value / largest);
  const path = (values: readonly number[]): string =>
    values.map((value, n) => `${n === 0 ? 'M' : 'L'}${rounded(x(n))} ${rounded(y(value))}`).join('');
  const area = `${path(now)}L${rounded(x(old.length - 1))} ${HEIGHT}L0 ${HEIGHT}Z`;
  const grid = [0, 0.5, 1].map((share) => `<path class="grid" d="M0 ${HEIGHT * share}H${WIDTH}"/>`).join('');
  const labels = [1, 0.5, 0].map((share) => `<span>${bytesText(share * largest)}</span>`).join('');
  const times = [0, 0.25, 0.5, 0.75, 1]
    .map((share) => `<span>${timeText(share * (steps - 1) * stepMs)}</span>`)
    .join('');
  return `<div class="plot"><div class="values">${labels}</div>
<svg class="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Bytes delivered over time, old and new">
${grid}
<path class="area" d="${area}"/>
<path class="line old" d="${path(old)}"/>
<path class="line new" d="${path(now)}"/>
</svg>
<div class="times">${times}</div></div>`;
}

/** The next round number. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8].find((factor) => factor * power >= value) ?? 10);
}

/** More digits do not show, and the page stays the same on every machine. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
