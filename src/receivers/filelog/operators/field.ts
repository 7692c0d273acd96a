import type { Entry, Value } from './entry.ts';

/** A place in an entry: `body`, `body.user.name`, `attributes.level`, `attributes["log.level"]`. */
export interface Field {
  readonly root: 'body' | 'attributes';
  readonly path: readonly string[];
}

const STEP = /\.([^.[\]"']+)|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/y;

/** Throws SyntaxError with a plain reason. */
export function parseField(text: string): Field {
  const root = /^(body|attributes|resource)\b/.exec(text)?.[1];
  if (root === 'resource') throw new SyntaxError('a line cannot set resource attributes; use the resource processor');
  if (root !== 'body' && root !== 'attributes') {
    throw new SyntaxError(`"${text}" must start with body or attributes, such as attributes.level`);
  }
  const path: string[] = [];
  for (STEP.lastIndex = root.length; STEP.lastIndex < text.length;) {
    const at = STEP.lastIndex;
    const step = STEP.exec(text);
    if (step === null) throw new SyntaxError(`"${text}" cannot be read from "${text.slice(at)}" on`);
    path.push(step[1] ?? step[2] ?? step[3] ?? '');
  }
  return { root, path };
}

export function readField(entry: Entry, { root, path }: Field): Value | undefined {
  let value: Value | undefined = root === 'body' ? entry.body : entry.attributes;
  for (const step of path) value = value instanceof Map ? value.get(step) : undefined;
  return value;
}

/** Sets the field, making maps on the way down. Attributes as a whole take maps only: their keys are merged in. */
export function writeField(entry: Entry, field: Field, value: Value): void {
  const { root, path } = field;
  const last = path.at(-1);
  if (last === undefined) {
    if (root === 'body') entry.body = value;
    else mergeAttributes(entry, value);
    return;
  }
  let map = rootMap(entry, root);
  for (const step of path.slice(0, -1)) {
    const inner = map.get(step);
    const next = inner instanceof Map ? inner : new Map<string, Value>();
    map.set(step, next);
    map = next;
  }
  map.set(last, value);
}

/** Takes the field out; undefined when it is not there. */
export function removeField(entry: Entry, field: Field): Value | undefined {
  const value = readField(entry, field);
  const last = field.path.at(-1);
  if (value === undefined) return undefined;
  if (last === undefined) {
    if (field.root === 'body') entry.body = null;
    else entry.attributes = new Map();
    return value;
  }
  const parent = readField(entry, { root: field.root, path: field.path.slice(0, -1) });
  if (parent instanceof Map) parent.delete(last);
  return value;
}

function rootMap(entry: Entry, root: Field['root']): Map<string, Value> {
  if (root === 'attributes') return entry.attributes;
  if (entry.body instanceof Map) return entry.body;
  const map = new Map<string, Value>();
  entry.body = map;
  return map;
}

function mergeAttributes(entry: Entry, value: Value): void {
  if (!(value instanceof Map)) throw new TypeError('only a map can be written to attributes as a whole');
  for (const [key, inner] of value) entry.attributes.set(key, inner);
}
