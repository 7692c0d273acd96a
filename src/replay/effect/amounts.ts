import type { Unit } from './sections.ts';

/** Amounts as text, the same wherever they are written. */
export function amountText(value: number, unit: Unit, currency: string): string {
  switch (unit) {
    case 'count':
      return grouped(String(Math.round(value)));
    case 'bytes':
      return bytesText(value);
    case 'money':
      return `${value > 0 && value < 0.005 ? '<0.01' : grouped(value.toFixed(2))} ${currency}`;
  }
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal, as prices are. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 999.5 && unit < BYTE_UNITS.length - 1; unit++) value /= 1000;
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? 'TB'}`;
}

/** How much more or less the new one is. */
export function changeText(old: number, now: number): string {
  if (old === now) return '=';
  if (old === 0) return 'new';
  if (now === 0) return 'gone';
  const percent = (now / old - 1) * 100;
  return `${percent < 0 ? '-' : '+'}${percentText(Math.abs(percent), percent < 0 ? 100 : Infinity)} %`;
}

/** Never rounded to `most`, which would be all, nor to nothing. */
function percentText(percent: number, most: number): string {
  if (percent < 0.05) return '<0.1';
  const text = percent.toFixed(percent >= 9.95 ? 0 : 1);
  if (Number(text) < most) return grouped(text);
  return percent < 99.95 ? percent.toFixed(1) : '>99.9';
}

/** `1 h 30 min`, of virtual time. */
export function timeText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const text = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return text.length === 0 ? '0 s' : text.join(' ');
}

function grouped(digits: string): string {
  return digits.replaceAll(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ',');
}

export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
