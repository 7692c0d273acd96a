import { cleanText } from './clean-text.ts';
import type { LimitedMetric } from './explanation.ts';
import type { DriverFindings, Findings, LabelFindings } from './findings.ts';
import { OTHER_LABELS } from './metric-analysis.ts';
import { EXACT_TO } from './sketch.ts';

/** What was found of a metric, or of values, in one or two plain sentences. */
export function explain(
  { series, drivers }: Findings,
  { values, limit }: Pick<LimitedMetric, 'values' | 'limit'>,
): string {
  if (values !== undefined) {
    return `${cleanText(values.key, 128)} has ${amount(series)} different values; ${grouped(limit)} of them may stay.`;
  }
  const [first, ...others] = drivers;
  if (first === undefined) {
    return `No few labels drive it: ${amount(series)} series differ in many labels.`;
  }
  if (others.length === 0) return `${driverSentence(first)} among ${amount(series)} series; ${leftover(first)}.`;
  const each = drivers.map(({ labels }) =>
    labels.map((label) => `${nameOf(label)} (${amount(label.values)})`).join(' with '),
  );
  const less = drivers.map((driver) => `${listed(driver.labels.map(nameOf))} ${amount(driver.seriesWithout)}`);
  return `${listed(each)} multiply to ${amount(series)} series. What would be left without each: without ${less.join(', without ')}.`;
}

function driverSentence({ labels }: DriverFindings): string {
  const names = listed(labels.map(nameOf));
  const values = listed(labels.map((label) => amount(label.values)));
  if (labels.length === 1) return `${names} drives it: ${values} values`;
  return `${names} drive it together: ${values} values`;
}

function leftover({ labels, seriesWithout }: DriverFindings): string {
  const without = labels.length === 1 ? 'without it' : labels.length === 2 ? 'without both' : 'without all of them';
  return `${without} ${amount(seriesWithout)} would be left`;
}

export function nameOf({ label, source }: LabelFindings): string {
  if (label === OTHER_LABELS && source === undefined) return 'labels beyond those that are told apart';
  return source === 'resource' ? `${label} of the resource` : source === 'scope' ? `${label} of the scope` : label;
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** `about`, and rounded to three digits, where it is an estimate. */
export function amount(count: number): string {
  if (count <= EXACT_TO) return String(count);
  return `about ${grouped(Number(count.toPrecision(3)))}`;
}

export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
