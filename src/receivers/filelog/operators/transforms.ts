import { goPattern } from '../../../core/go-pattern.ts';
import { copyValue, type Value } from './entry.ts';
import { unquoted } from './escapes.ts';
import type { Expression } from './expression/compile.ts';
import { fieldText, readField, removeField, writeField, type Field } from './field.ts';
import type { Step } from './nodes.ts';
import type { RegexReplaceConfig } from './transform-settings.ts';

const NO_TEXT = 'the field is no text';

export function moveStep(from: Field, to: Field): Step {
  const missing = absence(from);
  return (entry) => {
    const value = removeField(entry, from);
    return value === undefined ? missing : writeField(entry, to, value);
  };
}

export function copyStep(from: Field, to: Field): Step {
  const missing = absence(from);
  return (entry) => {
    const value = readField(entry, from);
    return value === undefined ? missing : writeField(entry, to, copyValue(value));
  };
}

export function removeStep(field: Field): Step {
  const missing = absence(field);
  return (entry) => (removeField(entry, field) === undefined ? missing : undefined);
}

export function addStep(field: Field, value: Value | Expression): Step {
  if (typeof value === 'function') return (entry) => writeField(entry, field, value(entry));
  return (entry) => writeField(entry, field, copyValue(value));
}

export function retainStep(fields: readonly Field[]): Step {
  const roots = new Set(fields.map(({ root }) => root));
  return (entry) => {
    const kept = fields.map((field) => readField(entry, field));
    if (roots.has('body')) entry.body = null;
    if (roots.has('attributes')) entry.attributes = new Map();
    if (roots.has('resource')) entry.resource = new Map();
    for (const [i, field] of fields.entries()) {
      const value = kept[i];
      if (value !== undefined) writeField(entry, field, value);
    }
    return undefined;
  };
}

export function flattenStep(field: Field): Step {
  const missing = absence(field);
  const parent: Field = { root: field.root, path: field.path.slice(0, -1) };
  return (entry) => {
    const map = readField(entry, field);
    if (map === undefined) return missing;
    if (!(map instanceof Map)) return 'the field is no map';
    removeField(entry, field);
    return writeField(entry, parent, map);
  };
}

export function assignKeysStep(field: Field, keys: readonly string[]): Step {
  return (entry) => {
    const list = readField(entry, field);
    if (!Array.isArray(list)) return 'the field is no list';
    if (list.length !== keys.length) return `there are ${list.length} values for ${keys.length} keys`;
    removeField(entry, field);
    return writeField(entry, field, new Map(keys.map((key, i) => [key, list[i] ?? null])));
  };
}

/** Replaces a text by another; undefined says that it cannot. */
function textStep(field: Field, change: (text: string) => string | undefined, reason: string): Step {
  return (entry) => {
    const text = readField(entry, field);
    if (typeof text !== 'string') return NO_TEXT;
    const changed = change(text);
    return changed === undefined ? reason : writeField(entry, field, changed);
  };
}

export function unquoteStep(field: Field): Step {
  return textStep(field, unquoted, 'the text is not quoted');
}

export function sanitizeStep(field: Field): Step {
  return textStep(field, (text) => text.toWellFormed(), NO_TEXT);
}

const ANSI_CONTROL_SEQUENCES = '\\x1B\\[[\\x30-\\x3F]*[\\x20-\\x2F]*[\\x40-\\x7E]';

export function regexReplaceStep({ field, regex, replace_with }: RegexReplaceConfig): Step {
  const pattern = goPattern(regex ?? ANSI_CONTROL_SEQUENCES);
  const all = new RegExp(pattern.source, `${pattern.flags}g`);
  const template = jsTemplate(replace_with);
  return textStep(field, (text) => text.replace(all, template), NO_TEXT);
}

/** Go's replacement as JavaScript's: `$1`, `${1}`, `$name` and `${name}` are groups, `$$` is a dollar. */
function jsTemplate(template: string): string {
  return template.replace(/\$(?:(\$)|\{(\w+)\}|(\w+))?/g, (_, dollar?: string, braced?: string, bare?: string) => {
    const group = braced ?? bare;
    if (dollar !== undefined || group === undefined) return '$$';
    return /^\d+$/.test(group) ? numbered(group) : `$<${group}>`;
  });
}

/** Two digits, so that a digit that follows does not become part of the number. */
function numbered(group: string): string {
  return group === '0' ? '$&' : `$${group.padStart(2, '0')}`;
}

function absence(field: Field): string {
  return `${fieldText(field)} is not there`;
}
