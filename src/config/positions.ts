import type { Path, Place } from './problem.ts';

/**
 * A configuration as a tree in which every value still knows where it was written, so that merging and expansion lose
 * no position. Nodes are immutable and may be shared (YAML aliases).
 */
export type ConfigNode = ScalarNode | ListNode | MapNode;

export type Scalar = string | number | boolean | null;

interface Located {
  readonly at: Place;
  /** Values in this subtree, shared ones counted each time: what a copy would cost. */
  readonly size: number;
  /** What was written, where an expansion such as `${env:X}` brought the value. Shown in place of the value. */
  readonly origin?: string;
  /** As it was written, where an expansion brought the whole value or it is a number like 1_000; used where the schema wants text. */
  readonly text?: string;
  /** The expansion failed and was reported; whatever else is wrong with the value follows from that. */
  readonly failed?: true;
}

export interface ScalarNode extends Located {
  readonly kind: 'scalar';
  readonly value: Scalar;
}

export interface ListNode extends Located {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
}

export interface MapNode extends Located {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly keyAt: Place;
  readonly value: ConfigNode;
}

export function scalarNode(at: Place, value: Scalar): ScalarNode {
  return { kind: 'scalar', at, size: 1, value };
}

export function listNode(at: Place, items: readonly ConfigNode[]): ListNode {
  return { kind: 'list', at, items, size: items.reduce((sum, item) => sum + item.size, 1) };
}

export function mapNode(at: Place, entries: ReadonlyMap<string, Entry>): MapNode {
  let size = 1;
  for (const { value } of entries.values()) size += value.size;
  return { kind: 'map', at, entries, size };
}

export function child(node: ConfigNode | undefined, step: string | number): ConfigNode | undefined {
  if (node?.kind === 'map') return node.entries.get(String(step))?.value;
  return node?.kind === 'list' && typeof step === 'number' ? node.items[step] : undefined;
}

export function nodeAt(root: ConfigNode, path: Path): ConfigNode | undefined {
  let node: ConfigNode | undefined = root;
  for (const step of path) node = child(node, step);
  return node;
}

/** Where the value at `path` stands; for a path that is not there, the key of its nearest ancestor. */
export function valuePlace(root: ConfigNode, path: Path): Place {
  return nodeAt(root, path)?.at ?? keyPlace(root, path);
}

/** Where the last key of `path` stands; for a path that is not there, the nearest ancestor's. */
export function keyPlace(root: ConfigNode, path: Path): Place {
  let node = root;
  let place = root.at;
  for (const step of path) {
    const entry: Entry | undefined = node.kind === 'map' ? node.entries.get(String(step)) : undefined;
    const next = child(node, step);
    if (next === undefined) return place;
    place = entry?.keyAt ?? next.at;
    node = next;
  }
  return place;
}

/** The expression nearest above `path` that brought its value, if one did. */
export function originAt(root: ConfigNode, path: Path): string | undefined {
  let node: ConfigNode | undefined = root;
  let origin = root.origin;
  for (const step of path) {
    node = child(node, step);
    origin = node?.origin ?? origin;
  }
  return origin;
}

/** How the schema's wishes change a value: `text` takes the text behind an expansion, `omit` leaves a null key out. */
export type Adjustments = ReadonlyMap<ConfigNode, 'text' | 'omit'>;

/** The plain value; what a shared node becomes is not shared. */
export function toValue(node: ConfigNode, adjust?: Adjustments): unknown {
  if (node.text !== undefined && adjust?.get(node) === 'text') return node.text;
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map((item) => toValue(item, adjust));
  const value: Record<string, unknown> = {};
  for (const [key, entry] of node.entries) {
    if (adjust?.get(entry.value) !== 'omit') value[key] = toValue(entry.value, adjust);
  }
  return value;
}
