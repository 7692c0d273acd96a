import { mapNode, type ConfigNode, type Entry, type MapNode } from './positions.ts';

/** Later wins: maps merge key by key; lists, scalars and null replace what stood there. */
export function mergeNodes(earlier: ConfigNode, later: ConfigNode): ConfigNode {
  if (earlier.kind !== 'map' || later.kind !== 'map') return later;
  const entries = new Map<string, Entry>(earlier.entries);
  for (const [key, entry] of later.entries) {
    const before = entries.get(key);
    entries.set(key, before === undefined ? entry : { ...entry, value: mergeNodes(before.value, entry.value) });
  }
  return mapNode(later.at, entries);
}

/** The Collector's `a::b::c: value`, at the top of a source, is the nested form. */
export function nestKeys(root: MapNode): ConfigNode {
  if (![...root.entries.keys()].some((key) => key.includes('::'))) return root;
  let nested: ConfigNode = mapNode(root.at, new Map());
  for (const [key, entry] of root.entries) nested = mergeNodes(nested, wrap(key.split('::'), entry, root));
  return nested;
}

/** A map that holds only `path`, all of it standing where `entry` stands. */
export function wrap(path: readonly string[], entry: Entry, root: { readonly at: MapNode['at'] }): MapNode {
  let value = entry.value;
  for (const key of path.slice(1).reverse())
    value = mapNode(entry.keyAt, new Map([[key, { keyAt: entry.keyAt, value }]]));
  return mapNode(root.at, new Map([[path[0] ?? '', { keyAt: entry.keyAt, value }]]));
}
