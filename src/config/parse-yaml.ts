import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type ParsedNode,
  type Scalar as YamlScalar,
} from 'yaml';
import { listNode, mapNode, scalarNode, type ConfigNode, type Entry, type Scalar } from './positions.ts';
import type { Path, Place, Problems } from './problem.ts';

/** Far above any real configuration; they bound what a hostile or generated one may cost. */
const MAX_DEPTH = 100;
const MAX_VALUES = 100_000;
const MAX_CHARACTERS = 4 * 2 ** 20;

export interface YamlSource {
  readonly file: string;
  readonly text: string;
  /** Where every node is said to stand, when the text itself has no place a person could open. */
  readonly at?: Place;
}

/** The tree of one YAML text; undefined after errors were reported. An empty text is a null scalar. */
export function parseYaml(source: YamlSource, problems: Problems): ConfigNode | undefined {
  const start = source.at ?? { file: source.file, line: 1, column: 1 };
  if (source.text.length > MAX_CHARACTERS) {
    problems.error(start, [], `is larger than ${MAX_CHARACTERS} characters`);
    return undefined;
  }
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    if (source.at !== undefined) return source.at;
    const { line, col } = lines.linePos(offset);
    return { file: source.file, line, column: col };
  };
  const contents = parseContents(source.text, lines, { start, place }, problems);
  if (contents === undefined) return undefined;
  return contents === null ? scalarNode(start, null) : new Conversion(problems, place).convert(contents);
}

const TOO_DEEP = `is nested more than ${MAX_DEPTH} levels deep`;

interface Places {
  readonly start: Place;
  readonly place: (offset: number) => Place;
}

/** The library's tree; null for an empty text, undefined after errors were reported. */
function parseContents(text: string, lineCounter: LineCounter, { start, place }: Places, problems: Problems) {
  try {
    const document = parseDocument(text, { lineCounter, merge: true, uniqueKeys: false, prettyErrors: false });
    const [first] = document.errors;
    if (first === undefined) return document.contents;
    // The library runs out of stack long after our own bound, and says so.
    if (document.errors.some(({ message }) => message.includes('call stack'))) {
      problems.error(place(first.pos[0]), [], TOO_DEEP);
    } else {
      const message = sentence(first.message);
      // What the library stumbles over after that is mostly the same slip.
      problems.error(place(first.pos[0]), [], message, followers(document.errors.length - 1));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.error(start, [], TOO_DEEP);
  }
  return undefined;
}

function followers(count: number): string | undefined {
  if (count === 0) return undefined;
  return `${count} further ${count === 1 ? 'error follows' : 'errors follow'}, probably from it`;
}

/** The library's messages are sentences of their own; ours continue a path. */
function sentence(message: string): string {
  return `invalid YAML: ${message.replace(/\.$/, '')}`;
}

/**
 * Turns the library's tree into ours. An anchor is converted once and shared, so aliases of aliases cost nothing here;
 * `size` counts what they stand for, and more than MAX_VALUES is an error.
 */
class Conversion {
  readonly #problems: Problems;
  readonly #place: (offset: number) => Place;
  readonly #anchors = new Map<string, ConfigNode>();
  #failed = false;

  constructor(problems: Problems, place: (offset: number) => Place) {
    this.#problems = problems;
    this.#place = place;
  }

  convert(node: ParsedNode): ConfigNode | undefined {
    const converted = this.#node(node, []);
    return this.#failed ? undefined : converted;
  }

  #node(node: ParsedNode | null, path: Path): ConfigNode {
    const at = this.#place(node?.range[0] ?? 0);
    if (node === null || this.#failed) return scalarNode(at, null);
    if (path.length > MAX_DEPTH) return this.#stop(at, TOO_DEEP, path.slice(0, 3));
    if (isAlias(node)) return this.#alias(node, at, path);
    const converted = this.#value(node, at, path);
    if (converted.size > MAX_VALUES) return this.#stop(at, `stands for more than ${MAX_VALUES} values`, path);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, converted);
    return converted;
  }

  #value(node: Exclude<ParsedNode, Alias.Parsed>, at: Place, path: Path): ConfigNode {
    if (isSeq(node)) {
      return listNode(
        at,
        node.items.map((item, index) => this.#node(item, [...path, index])),
      );
    }
    if (!isMap(node)) return scalar(node, at);
    const entries = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of node.items) this.#pair(pair, path, entries, merged);
    for (const { keyAt, value } of merged) this.#merge(value, keyAt, entries, path);
    return mapNode(at, entries);
  }

  #pair(
    pair: { readonly key: ParsedNode; readonly value: ParsedNode | null },
    path: Path,
    entries: Map<string, Entry>,
    merged: Entry[],
  ): void {
    const keyAt = this.#place(pair.key.range[0]);
    if (!isScalar(pair.key)) return void this.#fail(keyAt, 'a key must be text', path);
    const key = keyText(pair.key.value, pair.key.source);
    const value = this.#node(pair.value, [...path, key]);
    // A key without a value has no place of its own worth pointing at.
    const entry = { keyAt, value: isEmpty(pair.value) ? scalarNode(keyAt, null) : value };
    const before = entries.get(key);
    if (key === '<<') merged.push(entry);
    else if (key === '__proto__') this.#fail(keyAt, 'this key is not allowed', [...path, key]);
    else if (before !== undefined) {
      this.#fail(keyAt, `this key is already set at line ${before.keyAt.line}`, [...path, key]);
    } else entries.set(key, entry);
  }

  /** YAML 1.1 merge key: entries of the merged maps that are not set here, earlier maps first. */
  #merge(value: ConfigNode, at: Place, entries: Map<string, Entry>, path: Path): void {
    const maps = value.kind === 'list' ? value.items : [value];
    for (const map of maps) {
      if (map.kind !== 'map') return void this.#fail(at, 'a merge key (<<) takes a map or a list of maps', path);
      for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  #alias(node: Alias.Parsed, at: Place, path: Path): ConfigNode {
    return (
      this.#anchors.get(node.source) ?? this.#fail(at, `there is no finished anchor "${node.source}" before`, path)
    );
  }

  #fail(at: Place, message: string, path: Path): ConfigNode {
    this.#problems.error(at, path, message);
    return scalarNode(at, null);
  }

  /** An error that makes going on pointless: the tree is too large. */
  #stop(at: Place, message: string, path: Path): ConfigNode {
    this.#failed = true;
    return this.#fail(at, message, path);
  }
}

function isEmpty(value: ParsedNode | null): boolean {
  return value === null || (isScalar(value) && value.value === null && value.source === '');
}

function keyText(value: unknown, source: string): string {
  return typeof value === 'string' ? value : value === null ? '' : source;
}

/** `100_000`, as YAML 1.1 and so the Collector write numbers; it is a text where one is wanted. */
const SPACED_NUMBER = /^[-+]?\d+(?:_+\d+)+(?:\.\d+)?$/;

function scalar({ type, value, source }: YamlScalar.Parsed, at: Place): ConfigNode {
  if (type !== 'PLAIN' || typeof value !== 'string' || !SPACED_NUMBER.test(source)) {
    return scalarNode(at, plainScalar(value, source));
  }
  return { ...scalarNode(at, Number(source.replaceAll('_', ''))), text: source };
}

function plainScalar(value: unknown, source: string): Scalar {
  const known = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return known ? value : source;
}
