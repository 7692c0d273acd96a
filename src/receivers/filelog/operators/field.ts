import { copyValue, type Entry, type Value } from './entry.ts';

/** A place in an entry: `body`, `body.user.name`, `attributes.level`, `resource["service.name"]`. */
export interface Field {
  readonly root: 'body' | 'attributes' | 'resource';
  readonly path: readonly string[];
}

const STEP = /\.([^.[\]"']+)|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/y;

/** Throws SyntaxError with a plain reason. */
export function parseField(text: string): Field {
  const root = /^(body|attributes|resource)\b/.exec(text)?.[1];
  if (root !== 'body' && root !== 'attributes' && root !== 'resource') throw new SyntaxError(rootAdvice(text));
  const path: string[] = [];
  for (STEP.lastIndex = root.length; STEP.lastIndex < text.length;) {
    const at = STEP.lastIndex;
    const step = STEP.exec(text);
    if (step === null) throw new SyntaxError(`"${text}" cannot be read from "${text.slice(at)}" on`);
    path.push(step[1] ?? step[2] ?? step[3] ?? '');
  }
  return { root, path };
}

/** The field as `parseField` reads it. */
export function fieldText({ root, path }: Field): string {
  return root + path.map((step) => (/^\w+$/.test(step) ? `.${step}` : `["${step}"]`)).join('');
}

/** The spellings of older versions of the Collector, in today's words. */
function rootAdvice(text: string): string {
  const old = /^\$?(record|body|attributes|labels|resource)?(.*)$/s.exec(text);
  const root = { record: 'body', labels: 'attributes' }[old?.[1] ?? ''] ?? old?.[1];
  const meant = root === undefined ? `body.${text.replace(/^\$\.?/, '')}` : `${root}${old?.[2] ?? ''}`;
  const advice = /^\$|^record\b|^labels\b/.test(text) ? `write ${meant}` : `such as attributes.level or ${meant}`;
  return `"${text}" must start with body, attributes or resource; ${advice}`;
}

export function readField(entry: Entry, { root, path }: Field): Value | undefined {
  if (path.length === 0) return root === 'resource' ? new Map(entry.resource) : entry[root];
  let value: Value | undefined = rootMap(entry, root)?.get(path[0] ?? '');
  for (let i = 1; i < path.length; i++) value = value instanceof Map ? value.get(path[i] ?? '') : undefined;
  return value;
}

function rootMap(entry: Entry, root: Field['root']): ReadonlyMap<string, Value> | undefined {
  if (root === 'attributes') return entry.attributes;
  if (root === 'resource') return entry.resource;
  return entry.body instanceof Map ? entry.body : undefined;
}

/**
 * Sets the field, making maps on the way down; what stands there and is no map gives way. The keys of a map are merged
 * into a map that is there already. Returns what is wrong: attributes and resource as a whole take maps only.
 */
export function writeField(entry: Entry, field: Field, value: Value): string | undefined {
  const { root, path } = field;
  const last = path.at(-1);
  if (root === 'resource') return writeResource(entry, path, value);
  if (last === undefined) return writeRoot(entry, root, value);
  let map = mutableRoot(entry, root);
  for (let i = 0; i < path.length - 1; i++) map = innerMap(map, path[i] ?? '');
  const before = value instanceof Map ? map.get(last) : undefined;
  if (value instanceof Map && before instanceof Map) merge(before, value);
  else map.set(last, value);
  return undefined;
}

const NEEDS_MAP = 'only a map can be written to attributes or resource as a whole';

function writeRoot(entry: Entry, root: 'body' | 'attributes', value: Value): string | undefined {
  if (root === 'body') {
    if (value instanceof Map && entry.body instanceof Map) merge(entry.body, value);
    else entry.body = value;
    return undefined;
  }
  if (!(value instanceof Map)) return NEEDS_MAP;
  merge(entry.attributes, value);
  return undefined;
}

function merge(into: Map<string, Value>, from: ReadonlyMap<string, Value>): void {
  for (const [key, value] of from) into.set(key, value);
}

function mutableRoot(entry: Entry, root: 'body' | 'attributes'): Map<string, Value> {
  if (root === 'attributes') return entry.attributes;
  if (entry.body instanceof Map) return entry.body;
  const map = new Map<string, Value>();
  entry.body = map;
  return map;
}

function innerMap(map: Map<string, Value>, key: string): Map<string, Value> {
  const inner = map.get(key);
  if (inner instanceof Map) return inner;
  const made = new Map<string, Value>();
  map.set(key, made);
  return made;
}

function writeResource(entry: Entry, path: readonly string[], value: Value): string | undefined {
  if (path.length === 0 && !(value instanceof Map)) return NEEDS_MAP;
  entry.resource = replaced(entry.resource, path, 0, value);
  return undefined;
}

/** `map` with the value at `path`, sharing what did not change. */
function replaced(
  map: ReadonlyMap<string, Value>,
  path: readonly string[],
  depth: number,
  value: Value,
): Map<string, Value> {
  const result = new Map(map);
  const key = path[depth];
  if (key === undefined) {
    if (value instanceof Map) merge(result, value);
    return result;
  }
  const inner = result.get(key);
  const isLeaf = depth === path.length - 1 && !(value instanceof Map && inner instanceof Map);
  result.set(key, isLeaf ? value : replaced(inner instanceof Map ? inner : new Map(), path, depth + 1, value));
  return result;
}

/** Takes the field out; undefined when it is not there. */
export function removeField(entry: Entry, field: Field): Value | undefined {
  const { root, path } = field;
  const value = readField(entry, field);
  if (value === undefined) return undefined;
  if (root === 'resource') {
    entry.resource = path.length === 0 ? new Map() : without(entry.resource, path, 0);
    return copyValue(value);
  }
  const last = path.at(-1);
  if (last !== undefined) {
    let map = mutableRoot(entry, root);
    for (let i = 0; i < path.length - 1; i++) map = innerMap(map, path[i] ?? '');
    map.delete(last);
  } else if (root === 'body') entry.body = null;
  else entry.attributes = new Map();
  return value;
}

/** `map` without the value at `path`, which is there. */
function without(map: ReadonlyMap<string, Value>, path: readonly string[], depth: number): Map<string, Value> {
  const result = new Map(map);
  const key = path[depth] ?? '';
  const inner = result.get(key);
  if (depth < path.length - 1 && inner instanceof Map) result.set(key, without(inner, path, depth + 1));
  else result.delete(key);
  return result;
}
