import { hash32 } from '../../core/random.ts';

export type LabelPair = readonly [name: string, value: string];

/** One address to scrape, as its job and static configuration describe it. */
export interface Target {
  readonly url: URL;
  /** `job` and `instance` as Prometheus would attach them; they name the resource here. */
  readonly job: string;
  readonly instance: string;
  /** The other labels that every sample of the target gets. */
  readonly labels: readonly LabelPair[];
  /** Labels for samples and targets that have none of that name (global.external_labels). */
  readonly externalLabels: readonly LabelPair[];
}

/** What decides how the labels of a sample become attributes. */
export interface LabelRules {
  readonly honorLabels: boolean;
  /** Each 0 is no limit. */
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
}

/** Labels after merging: pairs in turn, without job and instance. Reused from call to call. */
export interface MergedLabels {
  job: string;
  instance: string;
  readonly pairs: string[];
}

/**
 * Joins the labels of a sample with those of its target as Prometheus does. Where both have a label, `honor_labels`
 * keeps the sample's; otherwise the target's stays and the sample's is renamed `exported_<name>`.
 */
export function mergeLabels(sample: readonly string[], target: Target, honor: boolean, merged: MergedLabels): void {
  const { pairs } = merged;
  pairs.length = 0;
  merged.job = target.job;
  merged.instance = target.instance;
  for (let at = 0; at < sample.length; at += 2) {
    const name = sample[at] ?? '';
    const value = sample[at + 1] ?? '';
    if (value === '') continue;
    if (!ownedByTarget(name, target)) pairs.push(name, value);
    else if (!honor) pairs.push(exportedName(name, sample, target), value);
    else if (name === 'job') merged.job = value;
    else if (name === 'instance') merged.instance = value;
    else pairs.push(name, value);
  }
  for (const [name, value] of target.labels) if (!has(pairs, name)) pairs.push(name, value);
  for (const [name, value] of target.externalLabels) if (!has(pairs, name)) pairs.push(name, value);
}

function ownedByTarget(name: string, target: Target): boolean {
  if (name === 'job' || name === 'instance') return true;
  for (const [owned] of target.labels) if (owned === name) return true;
  return false;
}

function exportedName(name: string, sample: readonly string[], target: Target): string {
  let exported = `exported_${name}`;
  while (has(sample, exported) || ownedByTarget(exported, target)) exported = `exported_${exported}`;
  return exported;
}

function has(pairs: readonly string[], name: string): boolean {
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === name) return true;
  return false;
}

/** What breaks a label limit, or undefined. As Prometheus, the metric name, job and instance count as labels. */
export function brokenLabelLimit(name: string, merged: MergedLabels, rules: LabelRules): string | undefined {
  const { pairs } = merged;
  const labels = pairs.length / 2 + 3;
  if (rules.labelLimit > 0 && labels > rules.labelLimit) {
    return `"${name}" has ${labels} labels, label_limit is ${rules.labelLimit}`;
  }
  for (let at = 0; at < pairs.length; at++) {
    const limit = at % 2 === 0 ? rules.labelNameLengthLimit : rules.labelValueLengthLimit;
    if (limit === 0 || Buffer.byteLength(pairs[at] ?? '') <= limit) continue;
    const setting = at % 2 === 0 ? 'label_name_length_limit' : 'label_value_length_limit';
    return `"${name}" has a label longer than ${setting} (${limit})`;
  }
  return undefined;
}

/** When a target's first scrape is due: spread over the interval by target and instance, the same after a restart. */
export function scrapeOffsetMs(target: Target, instanceId: string, intervalMs: number): number {
  return hash32(`${target.job}\n${target.instance}\n${target.url.href}\n${instanceId}`) % Math.max(1, intervalMs);
}
