import { hash32 } from '../../core/random.ts';
import { NAME_LABEL, type LabelSet } from './relabel/label-set.ts';
import { relabel, type RelabelRule } from './relabel/rules.ts';

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
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What decides how the labels of a sample become attributes. */
export interface LabelRules {
  readonly honorLabels: boolean;
  /** metric_relabel_configs. */
  readonly relabel: readonly RelabelRule[];
  /** Names are those that Prometheus 2 had. */
  readonly legacyNames: boolean;
  /** Each 0 is no limit. */
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
}

const TARGETS = -1;

/** Labels after merging: pairs in turn, without name, job and instance. Reused from call to call. */
export interface MergedLabels {
  /** All of them, with name, job and instance where rules left these. */
  count: number;
  name: string;
  job: string;
  instance: string;
  readonly pairs: string[];
  /** For each pair, as merging left them, which label of the sample it is; -1 for one of the target. */
  readonly sources: number[];
}

/**
 * Joins the labels of a sample with those of its target as Prometheus does. Where both have a label, `honor_labels`
 * keeps the sample's; otherwise the target's stays and the sample's is renamed `exported_<name>`.
 */
export function mergeLabels(sample: readonly string[], target: Target, honor: boolean, merged: MergedLabels): void {
  const { pairs, sources } = merged;
  pairs.length = sources.length = 0;
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
    if (sources.length * 2 < pairs.length) sources.push(at / 2);
  }
  for (const [name, value] of target.labels) if (!has(pairs, name)) pairs.push(name, value);
  while (sources.length * 2 < pairs.length) sources.push(TARGETS);
  merged.count = pairs.length / 2 + 3;
}

/** Gives the labels that are missing the values of global.external_labels, which limits and rules do not see. */
export function addExternalLabels(pairs: string[], target: Target): void {
  for (const [name, value] of target.externalLabels) if (!has(pairs, name)) pairs.push(name, value);
}

/**
 * Runs the rules on the merged labels; false when they drop the series. Without `job` or `instance` among what is left,
 * the sample still belongs to its target.
 */
export function relabelMerged(merged: MergedLabels, target: Target, rules: LabelRules, labels: LabelSet): boolean {
  const { pairs } = merged;
  pairs.push(NAME_LABEL, merged.name, 'job', merged.job, 'instance', merged.instance);
  labels.begin(pairs);
  if (!relabel(rules.relabel, labels)) return false;
  merged.count = labels.pairs.length / 2;
  merged.name = labels.value(NAME_LABEL);
  merged.job = labels.value('job') || target.job;
  merged.instance = labels.value('instance') || target.instance;
  pairs.length = 0;
  for (let at = 0; at < labels.pairs.length; at += 2) {
    const name = labels.pairs[at] ?? '';
    if (name !== NAME_LABEL && name !== 'job' && name !== 'instance') pairs.push(name, labels.pairs[at + 1] ?? '');
  }
  return true;
}

const IDENTITY_OF_ANOTHER = ['exported_job', 'exported_instance'];

/** The pairs that the sample brought itself, not its target, without another identity than the target's. */
export function ownPairs(pairs: readonly string[], target: Target): string[] {
  const own: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? '';
    const value = pairs[at + 1] ?? '';
    const isTargets = target.labels.some((label) => label[0] === name && label[1] === value);
    if (!isTargets && !IDENTITY_OF_ANOTHER.includes(name)) own.push(name, value);
  }
  return own;
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

const LEGACY_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A name that is not of the old kind, or undefined. */
export function foreignName({ name, pairs }: MergedLabels): string | undefined {
  if (!LEGACY_METRIC.test(name)) return name;
  for (let at = 0; at < pairs.length; at += 2) {
    const label = pairs[at] ?? '';
    if (!LEGACY_LABEL.test(label)) return label;
  }
  return undefined;
}

/** What breaks a label limit, or undefined. As Prometheus, the metric name, job and instance count as labels. */
export function brokenLabelLimit(merged: MergedLabels, rules: LabelRules): string | undefined {
  const { name, pairs, count } = merged;
  if (rules.labelLimit > 0 && count > rules.labelLimit) {
    return `"${name}" has ${count} labels, label_limit is ${rules.labelLimit}`;
  }
  if (rules.labelNameLengthLimit === 0 && rules.labelValueLengthLimit === 0) return undefined;
  return brokenLength([...pairs, NAME_LABEL, name, 'job', merged.job, 'instance', merged.instance], name, rules);
}

function brokenLength(pairs: readonly string[], metric: string, rules: LabelRules): string | undefined {
  for (let at = 0; at < pairs.length; at++) {
    const limit = at % 2 === 0 ? rules.labelNameLengthLimit : rules.labelValueLengthLimit;
    if (limit === 0 || Buffer.byteLength(pairs[at] ?? '') <= limit) continue;
    const setting = at % 2 === 0 ? 'label_name_length_limit' : 'label_value_length_limit';
    const label = at % 2 === 0 ? pairs[at] : pairs[at - 1];
    return `"${metric}" has a label longer than ${setting} (${limit}): "${label?.slice(0, 60)}"`;
  }
  return undefined;
}

/**
 * How long until a target's first scrape: its place in the interval is a matter of target and instance alone, so that a
 * restart, or labels that change at every discovery, do not move it, and a fleet is spread.
 */
export function firstScrapeMs(target: Target, instanceId: string, nowMs: number): number {
  const { job, instance, url, intervalMs } = target;
  const place = hash32(`${job}\n${instance}\n${url.href}\n${instanceId}`) % intervalMs;
  return (((place - nowMs) % intervalMs) + intervalMs) % intervalMs;
}
