import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { anchoredPattern } from './rules.ts';
import { danglingReference, parseTemplate, writesReference } from '../../../core/go-template.ts';

const ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;
type Action = (typeof ACTIONS)[number];

const DEFAULT_SEPARATOR = ';';
const DEFAULT_REGEX = '(.*)';
const DEFAULT_REPLACEMENT = '$1';

/** YAML reads `8080` and `true` as what they are; here they are texts, and nothing is as if it were not written. */
function scalarText(value: unknown): unknown {
  if (value === null) return undefined;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

const text = (otherwise: string) => z.preprocess(scalarText, z.string().default(otherwise));

const fields = () =>
  z.strictObject({
    source_labels: z.array(z.string().min(1)).default([]).describe('Labels whose values are joined and matched.'),
    separator: text(DEFAULT_SEPARATOR).describe('Stands between the joined values.'),
    regex: text(DEFAULT_REGEX).describe(
      'What the joined values (labelmap, labeldrop, labelkeep: a label name) must match as a whole.',
    ),
    modulus: z.number().int().nonnegative().default(0).describe('hashmod: the hash is taken modulo this.'),
    target_label: text('').describe('Label that is set, or compared with.'),
    replacement: text(DEFAULT_REPLACEMENT).describe(
      'New value (labelmap: new name). Groups of regex are $1 or ${name}, written $$1 and $${name} in YAML.',
    ),
    action: z.preprocess(
      (word) => (typeof word === 'string' ? word.toLowerCase() : word),
      z.enum(ACTIONS).default('replace').describe('What the rule does.'),
    ),
  });
export type RelabelConfig = z.output<ReturnType<typeof fields>>;

/** A rule of relabel_configs or metric_relabel_configs. What Prometheus refuses, and what can only be a mistake, is refused. */
export const relabelConfig = () => fields().superRefine(checkRule);
export const relabelConfigs = () => z.array(relabelConfig()).default([]);

type Refuse = (key: keyof RelabelConfig, message: string) => void;

function checkRule(rule: RelabelConfig, context: z.core.$RefinementCtx<RelabelConfig>): void {
  const refuse: Refuse = (key, message) => context.addIssue({ code: 'custom', path: [key], message, input: rule[key] });
  const pattern = checkedPattern(rule, refuse);
  checkFields(rule, refuse);
  if (pattern === undefined) return;
  if (rule.action === 'replace') checkReferences('target_label', rule, pattern, refuse);
  if (rule.action === 'replace' || rule.action === 'labelmap') checkReferences('replacement', rule, pattern, refuse);
}

function checkedPattern(rule: RelabelConfig, refuse: Refuse): RegExp | undefined {
  try {
    return anchoredPattern(rule.regex);
  } catch (error) {
    refuse('regex', errorMessage(error).replace(`^(?s:${rule.regex})$`, rule.regex));
    return undefined;
  }
}

const WITH_TARGET: readonly Action[] = ['replace', 'hashmod', 'lowercase', 'uppercase', 'keepequal', 'dropequal'];
const ONLY_REGEX: readonly Action[] = ['labeldrop', 'labelkeep'];
const ONLY_LABELS: readonly Action[] = ['keepequal', 'dropequal'];
const WITHOUT_REPLACEMENT: readonly Action[] = ['lowercase', 'uppercase'];

function checkFields(rule: RelabelConfig, refuse: Refuse): void {
  const { action } = rule;
  if (action === 'hashmod' && rule.modulus === 0) refuse('modulus', 'hashmod needs a modulus above 0');
  if (WITH_TARGET.includes(action) && rule.target_label === '')
    refuse('target_label', `${action} needs a target_label`);
  const unused = (...keys: (keyof RelabelConfig)[]): void => {
    for (const key of keys) if (isSet(rule, key)) refuse(key, `${action} does not read ${key}; leave it out`);
  };
  if (ONLY_REGEX.includes(action)) unused('source_labels', 'target_label', 'modulus', 'separator', 'replacement');
  if (ONLY_LABELS.includes(action)) unused('regex', 'modulus', 'separator', 'replacement');
  if (WITHOUT_REPLACEMENT.includes(action)) unused('replacement');
  if (action === 'labelmap' && rule.replacement === '') refuse('replacement', 'labelmap needs a name to map to');
}

function isSet(rule: RelabelConfig, key: keyof RelabelConfig): boolean {
  switch (key) {
    case 'source_labels':
      return rule.source_labels.length > 0;
    case 'separator':
      return rule.separator !== DEFAULT_SEPARATOR;
    case 'regex':
      return rule.regex !== DEFAULT_REGEX;
    case 'replacement':
      return rule.replacement !== DEFAULT_REPLACEMENT;
    case 'target_label':
      return rule.target_label !== '';
    case 'modulus':
      return rule.modulus !== 0;
    case 'action':
      return true;
  }
}

/**
 * A reference that can only ever be empty swallows what it should have brought. The two usual ways to one: `$1_total`,
 * which means a group called "1_total", and `$$` written twice.
 */
function checkReferences(
  key: 'target_label' | 'replacement',
  rule: RelabelConfig,
  pattern: RegExp,
  refuse: Refuse,
): void {
  const text = rule[key];
  const group = danglingReference(parseTemplate(text), pattern);
  if (group !== undefined) {
    const [, digits, rest = ''] = /^(\d+)(.+)$/.exec(group) ?? [];
    const advice =
      digits === undefined
        ? 'the result would always lack it'
        : `write $$\{${digits}}${rest} in YAML for group ${digits} followed by "${rest}"`;
    refuse(key, `$${group} means the group "${group}", which regex "${rule.regex}" does not have; ${advice}`);
  } else if (writesReference(parseTemplate(text))) {
    const meant = text.replaceAll('$$', '$');
    refuse(
      key,
      `"${text}" would write a dollar sign itself; in YAML "${meant.replaceAll('$', '$$$$')}" brings the group`,
    );
  }
}
