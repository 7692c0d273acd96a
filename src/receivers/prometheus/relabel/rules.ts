import { createHash } from 'node:crypto';
import { goPattern } from '../../../core/go-pattern.ts';
import type { LabelSet } from './label-set.ts';
import type { RelabelConfig } from './settings.ts';
import { expandTemplate, parseTemplate } from '../../../core/go-template.ts';

/** One rule, ready to run: changes the labels; false drops them as a whole. */
export type RelabelRule = (labels: LabelSet) => boolean;

/** `regex` as Prometheus 3 means it: it must match all of the text, and `.` matches a newline too. */
export function anchoredPattern(regex: string): RegExp {
  return goPattern(`^(?s:${regex})$`);
}

export function relabelRules(configs: readonly RelabelConfig[]): RelabelRule[] {
  return configs.map(relabelRule);
}

/** Runs the rules in turn; false as soon as one drops. */
export function relabel(rules: readonly RelabelRule[], labels: LabelSet): boolean {
  for (const rule of rules) if (!rule(labels)) return false;
  return true;
}

/** Source: prometheus.io/docs/prometheus/latest/configuration/configuration, relabel_config. */
function relabelRule(config: RelabelConfig): RelabelRule {
  const { action, target_label: target } = config;
  const source = joined(config.source_labels, config.separator);
  const pattern = anchoredPattern(config.regex);
  switch (action) {
    case 'keep':
      return (labels) => pattern.test(source(labels));
    case 'drop':
      return (labels) => !pattern.test(source(labels));
    case 'keepequal':
      return (labels) => labels.value(target) === source(labels);
    case 'dropequal':
      return (labels) => labels.value(target) !== source(labels);
    case 'labeldrop':
      return deleting((name) => pattern.test(name));
    case 'labelkeep':
      return deleting((name) => !pattern.test(name));
    case 'labelmap':
      return mapping(pattern, config.replacement);
    case 'replace':
      return replacing(config, pattern);
    case 'lowercase':
      return setting(target, (labels) => lowercase(source(labels)));
    case 'uppercase':
      return setting(target, (labels) => uppercase(source(labels)));
    case 'hashmod':
      return setting(target, (labels) => hashModulus(source(labels), BigInt(config.modulus)));
  }
}

function joined(names: readonly string[], separator: string): (labels: LabelSet) => string {
  const [only] = names;
  if (only === undefined) return () => '';
  if (names.length === 1) return (labels) => labels.value(only);
  return (labels) => names.map((name) => labels.value(name)).join(separator);
}

function setting(target: string, value: (labels: LabelSet) => string): RelabelRule {
  return (labels) => {
    labels.set(target, value(labels));
    return true;
  };
}

function replacing(config: RelabelConfig, pattern: RegExp): RelabelRule {
  const source = joined(config.source_labels, config.separator);
  const target = parseTemplate(config.target_label);
  const replacement = parseTemplate(config.replacement);
  return (labels) => {
    const match = pattern.exec(source(labels));
    if (match === null) return true;
    const name = expandTemplate(target, match);
    if (name !== '') labels.set(name, expandTemplate(replacement, match));
    return true;
  };
}

/** Works on the labels as they were before: what it sets is not mapped again. */
function mapping(pattern: RegExp, replacement: string): RelabelRule {
  const template = parseTemplate(replacement);
  return (labels) => {
    const before = labels.pairs.slice();
    for (let at = 0; at < before.length; at += 2) {
      const match = pattern.exec(before[at] ?? '');
      const name = match === null ? '' : expandTemplate(template, match);
      if (name !== '') labels.set(name, before[at + 1] ?? '');
    }
    return true;
  };
}

function deleting(isUnwanted: (name: string) => boolean): RelabelRule {
  return (labels) => {
    const { pairs } = labels;
    for (let at = pairs.length - 2; at >= 0; at -= 2) {
      const name = pairs[at] ?? '';
      if (isUnwanted(name)) labels.delete(name);
    }
    return true;
  };
}

/** The last eight bytes of the MD5 sum, modulo `modulus`: a target lands where it does with any Prometheus. */
function hashModulus(text: string, modulus: bigint): string {
  return String(createHash('md5').update(text).digest().readBigUInt64BE(8) % modulus);
}

/** As Go: character by character, one becoming one. */
function lowercase(text: string): string {
  return mapped(text, (character) => (character === '\u0130' ? 'i' : character.toLowerCase()));
}

function uppercase(text: string): string {
  return mapped(text, (character) => character.toUpperCase());
}

function mapped(text: string, map: (character: string) => string): string {
  let result = '';
  for (const character of text) {
    const other = map(character);
    result += Array.from(other).length === 1 ? other : character;
  }
  return result;
}
