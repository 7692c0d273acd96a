import * as z from 'zod';
import { asError } from '../core/errors.ts';
import type { AttributeList } from '../otlp/attribute-list.ts';
import { KEY_VALUE } from '../otlp/fields.ts';
import { writeAnyValue, type AttributeValue } from '../otlp/value.ts';
import { Cursor } from '../otlp/wire.ts';
import { Writer } from '../otlp/writer.ts';
import {
  CONVERTED_TYPES,
  convertValue,
  hashValue,
  textOf,
  writeScalar,
  writeText,
  type ConvertedType,
} from './attribute-values.ts';
import { goPattern, groupNames } from '../core/go-pattern.ts';

const ACTIONS = ['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert'] as const;

export const attributeAction = () =>
  z
    .strictObject({
      key: z
        .string()
        .min(1)
        .optional()
        .describe('The attribute to act upon; for delete and hash, pattern may stand in.'),
      action: z
        .preprocess((raw) => (typeof raw === 'string' ? raw.toLowerCase() : raw), z.enum(ACTIONS))
        .describe('insert (when absent), update (when present), upsert, delete, hash, extract or convert.'),
      value: z.json().optional().describe('The value to set; its type is that of the configuration.'),
      from_attribute: z.string().min(1).optional().describe('Copies the value of this attribute, if there is one.'),
      from_context: z
        .string()
        .optional()
        .refine((value) => value === undefined, 'is not available: no client metadata becomes an attribute')
        .describe('Not available: no client metadata becomes an attribute.'),
      default_value: z.json().optional().describe('The value to set when from_attribute finds none.'),
      pattern: z
        .string()
        .min(1)
        .optional()
        .describe('extract: a pattern with named groups. delete, hash: also acts on all keys that match.'),
      converted_type: z.enum(CONVERTED_TYPES).optional().describe('convert: the type to convert to.'),
    })
    .superRefine((value, context) => {
      const problem = problemOf(value);
      if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
    });

export type AttributeAction = z.output<ReturnType<typeof attributeAction>>;

/** The actions, in their order, as one edit of a list of attributes. */
export function compileActions(actions: readonly AttributeAction[]): (attributes: AttributeList) => void {
  const compiled = actions.map(compileAction);
  const [only] = compiled;
  if (only !== undefined && compiled.length === 1) return only;
  return (attributes) => {
    for (const action of compiled) action(attributes);
  };
}

type Edit = (attributes: AttributeList) => void;
type Problem = [field: keyof AttributeAction, message: string];

const NEEDS_VALUE: ReadonlySet<string> = new Set(['insert', 'update', 'upsert']);
const TAKES_PATTERN: ReadonlySet<string> = new Set(['delete', 'hash', 'extract']);

function problemOf(value: AttributeAction): Problem | undefined {
  const { action, key, pattern } = value;
  const sources = [value.value, value.from_attribute].filter((source) => source !== undefined && source !== null);
  if (key === undefined && (pattern === undefined || action === 'extract'))
    return ['key', `is missing; ${action} needs it`];
  if (NEEDS_VALUE.has(action)) {
    if (sources.length > 1) return ['from_attribute', 'stands beside value; only one of them can be'];
    if (sources.length === 0 && value.default_value === undefined) {
      return ['value', `is missing; ${action} needs value or from_attribute`];
    }
  } else if (sources.length > 0 || value.default_value !== undefined) {
    return ['action', `${action} takes neither value, from_attribute nor default_value`];
  }
  if (pattern !== undefined && !TAKES_PATTERN.has(action)) return ['pattern', `is not used by ${action}`];
  if (value.converted_type !== undefined && action !== 'convert') return ['converted_type', `is not used by ${action}`];
  if (action === 'convert' && value.converted_type === undefined) return ['converted_type', 'is missing'];
  if (action === 'extract' && pattern === undefined) return ['pattern', 'is missing'];
  return pattern === undefined ? undefined : patternProblem(pattern, action === 'extract');
}

function patternProblem(pattern: string, namesGroups: boolean): Problem | undefined {
  try {
    const names = groupNames(goPattern(pattern));
    if (!namesGroups || (names !== undefined && names.length > 0)) return undefined;
    return ['pattern', 'needs at least one group, and a name for each: (?P<name>...)'];
  } catch (error) {
    return ['pattern', asError(error).message];
  }
}

function compileAction(action: AttributeAction): Edit {
  const key = Buffer.from(action.key ?? '');
  switch (action.action) {
    case 'insert':
    case 'update':
    case 'upsert':
      return compileSet(action, key, action.action);
    case 'delete':
      return onMatching(action, (list, index) => list.remove(index));
    case 'hash':
      return onMatching(action, hashEntry);
    case 'extract':
      return compileExtract(key, goPattern(action.pattern ?? ''));
    case 'convert': {
      const type = action.converted_type ?? 'string';
      return onMatching(action, (list, index) => convertEntry(list, index, key, type));
    }
  }
}

type Mode = 'insert' | 'update' | 'upsert';

function compileSet(action: AttributeAction, key: Uint8Array, mode: Mode): Edit {
  const fixed = action.value ?? (action.from_attribute === undefined ? action.default_value : undefined);
  if (fixed !== undefined) {
    const entry = encodeEntry(action.key ?? '', fixed);
    return (list) => put(list, key, mode, { bytes: entry, start: 0, end: entry.length });
  }
  const source = Buffer.from(action.from_attribute ?? '');
  const fallback = action.default_value === undefined ? undefined : encodeEntry(action.key ?? '', action.default_value);
  return (list) => {
    const from = list.find(source);
    if (from < 0) {
      if (fallback !== undefined) put(list, key, mode, { bytes: fallback, start: 0, end: fallback.length });
      return;
    }
    if (mode !== 'upsert' && list.find(key) >= 0 !== (mode === 'update')) return;
    const { scratch } = list;
    const start = scratch.pos;
    scratch.bytes(KEY_VALUE.key, key);
    if (list.value(from, found)) scratch.raw(found.bytes, found.tagStart, found.end);
    put(list, key, mode, { bytes: scratch.buffer, start, end: scratch.pos });
  };
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Every entry with the key is changed: of a key that comes twice, readers may take either. */
function put(list: AttributeList, key: Uint8Array, mode: Mode, { bytes, start, end }: Entry): void {
  let at = list.find(key);
  if (at < 0 && mode !== 'update') list.append(bytes, start, end);
  if (mode === 'insert') return;
  for (; at >= 0; at = list.find(key, at + 1)) list.set(at, bytes, start, end);
}

/** Acts on the entries that have the key, or a key that matches the pattern. */
function onMatching(action: AttributeAction, act: (list: AttributeList, index: number) => void): Edit {
  const { key } = action;
  const keyBytes = Buffer.from(key ?? '');
  if (action.pattern === undefined) {
    return (list) => {
      for (let at = list.find(keyBytes); at >= 0; at = list.find(keyBytes, at + 1)) act(list, at);
    };
  }
  const pattern = goPattern(action.pattern);
  return (list) => {
    for (let index = 0; index < list.count; index++) {
      if (!list.has(index)) continue;
      const name = list.key(index);
      if (name === key || pattern.test(name)) act(list, index);
    }
  };
}

function hashEntry(list: AttributeList, index: number): void {
  const { scratch } = list;
  const hash = list.value(index, found) ? hashValue(found) : '';
  const start = scratch.pos;
  scratch.string(KEY_VALUE.key, list.key(index));
  writeText(scratch, hash);
  list.set(index, scratch.buffer, start, scratch.pos);
}

/** What cannot be converted stays as it is. */
function convertEntry(list: AttributeList, index: number, key: Uint8Array, type: ConvertedType): void {
  if (!list.value(index, found)) return;
  const value = convertValue(type, found);
  if (value === undefined) return;
  const { scratch } = list;
  const start = scratch.pos;
  scratch.bytes(KEY_VALUE.key, key);
  writeScalar(scratch, type, value);
  list.set(index, scratch.buffer, start, scratch.pos);
}

function compileExtract(key: Uint8Array, pattern: RegExp): Edit {
  const names = (groupNames(pattern) ?? []).map((name) => ({ name, bytes: Buffer.from(name) }));
  return (list) => {
    const at = list.find(key);
    const text = at >= 0 && list.value(at, found) ? textOf(found) : undefined;
    const groups = text === undefined ? undefined : pattern.exec(text)?.groups;
    if (groups === undefined) return;
    const { scratch } = list;
    for (const { name, bytes } of names) {
      const start = scratch.pos;
      scratch.bytes(KEY_VALUE.key, bytes);
      writeText(scratch, groups[name] ?? '');
      put(list, bytes, 'upsert', { bytes: scratch.buffer, start, end: scratch.pos });
    }
  };
}

/** The content of a KeyValue. */
function encodeEntry(key: string, value: z.core.util.JSONType): Uint8Array {
  const writer = new Writer(64);
  writer.string(KEY_VALUE.key, key);
  writeAnyValue(writer, KEY_VALUE.value, attributeValue(value));
  return writer.take();
}

function attributeValue(value: z.core.util.JSONType): AttributeValue {
  if (Array.isArray(value)) return value.map(attributeValue);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, attributeValue(inner)]));
}

const found = new Cursor();
