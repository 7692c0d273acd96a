import { bytesText, timeText } from './amounts.ts';
import { escaped } from './html-text.ts';

/** Plots as inline SVG. Colours are classes of the page's style. */

export interface Bar {
  readonly name: string;
  readonly old: number;
  readonly new: number;
  readonly text: (value: number) => string;
}

const WIDTH = 1000;
const NAME_WIDTH = 270;
const VALUE_WIDTH = 110;
const BAR_HEIGHT = 11;
const ROW_HEIGHT = 36;
const MAX_NAME = 38;

/** For each name a bar of the old one and below it one of the new one. */
export function comparisonBars(title: string, bars: readonly Bar[]): string {
  const largest = Math.max(...bars.flatMap((bar) => [bar.old, bar.new]));
  if (!(largest > 0)) return '';
  const scale = (WIDTH - NAME_WIDTH - VALUE_WIDTH) / largest;
  const rows = bars.map((bar, n) => barRow(bar, n * ROW_HEIGHT, scale)).join('\n');
  const label = escaped(
    `${title}: ${bars.map((bar) => `${bar.name} ${bar.text(bar.old)} to ${bar.text(bar.new)}`).join(', ')}`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${bars.length * ROW_HEIGHT}" role="img" aria-label="${label}">\n${rows}\n</svg>`;
}

function barRow(bar: Bar, y: number, scale: number): string {
  const name = bar.name.length > MAX_NAME ? `${bar.name.slice(0, MAX_NAME - 1)}…` : bar.name;
  const one = (side: 'old' | 'new', top: number): string => {
    const width = Math.max(bar[side] > 0 ? 1.5 : 0, bar[side] * scale);
    const text = escaped(bar.text(bar[side]));
    return (
      `<rect class="${side}" x="${NAME_WIDTH}" y="${top}" width="${rounded(width)}" height="${BAR_HEIGHT}" rx="2"/>` +
      `<text x="${rounded(NAME_WIDTH + width + 6)}" y="${top + BAR_HEIGHT - 1}">${text}</text>`
    );
  };
  return `<text class="name" x="${NAME_WIDTH - 12}" y="${y + 20}" text-anchor="end">${escaped(name)}</text>${one('old', y + 4)}${one('new', y + 4 + BAR_HEIGHT + 2)}`;
}

const HEIGHT = 220;
const LEFT = 70;
const BOTTOM = 24;
const TOP = 12;

/** Two runs of values over time: the new one filled, the old one dashed. */
export function timelinePlot(old: readonly number[], now: readonly number[], stepMs: number): string {
  const largest = niceCeiling(Math.max(...old, ...now));
  const steps = Math.max(2, old.length);
  const x = (step: number): number => LEFT + (step * (WIDTH - LEFT - 10)) / (steps - 1);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / largest);
  const path = (values: readonly number[]): string =>
    values.map((value, n) => `${n === 0 ? 'M' : 'L'}${rounded(x(n))} ${rounded(y(value))}`).join('');
  const floor = `L${rounded(x(old.length - 1))} ${y(0)}L${LEFT} ${y(0)}Z`;
  const grid = [0, 0.5, 1].map((share) => {
    const at = rounded(y(share * largest));
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - 10}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${bytesText(share * largest)}</text>`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    const at = x(share * (steps - 1));
    return `<text x="${rounded(at)}" y="${HEIGHT - 4}" text-anchor="${anchor}">${timeText(share * (steps - 1) * stepMs)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Bytes delivered over time, old and new">
${grid.join('\n')}
<path class="area" d="${path(now)}${floor}"/>
<path class="line old" d="${path(old)}"/>
<path class="line new" d="${path(now)}"/>
${times.join('\n')}
</svg>`;
}

/** The next round number. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8].find((factor) => factor * power >= value) ?? 10);
}

/** Pixels do not tell more apart, and the page stays the same on every machine. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
