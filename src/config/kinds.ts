import { alternatives, type SchemaNode } from './schema-tree.ts';

/** One of the kinds that the entries of a list may be, told apart by their `type`. */
export interface Kind {
  readonly type: string;
  readonly summary: string;
  /** Without `type` itself. */
  readonly properties: Readonly<Record<string, SchemaNode>>;
  readonly required: readonly string[];
}

export interface KindList {
  /** Path of the list. */
  readonly key: string;
  readonly kinds: readonly Kind[];
}

/** The lists at the top of a component whose entries are of several kinds, such as the operators of `filelog`. */
export function kindLists(root: SchemaNode): readonly KindList[] {
  return Object.entries(root.properties ?? {}).flatMap(([key, property]) => {
    const kinds = kindsOf(property, root);
    return kinds === undefined ? [] : [{ key, kinds }];
  });
}

/** Undefined when `list` is no list of kinds. */
export function kindsOf(list: SchemaNode, root: SchemaNode): readonly Kind[] | undefined {
  const entries = list.items === undefined ? [] : alternatives(list.items, root);
  if (entries.length < 2) return undefined;
  const kinds = entries.flatMap(({ properties = {}, required = [] }) => {
    const { type, ...others } = properties;
    if (typeof type?.const !== 'string') return [];
    return [{ type: type.const, summary: type.description ?? '', properties: others, required }];
  });
  return kinds.length === entries.length ? kinds : undefined;
}

/** The properties that most of the kinds share, word for word. */
export function sharedProperties(kinds: readonly Kind[]): Readonly<Record<string, SchemaNode>> {
  const counts = new Map<string, { name: string; node: SchemaNode; count: number }>();
  for (const { properties } of kinds) {
    for (const [name, node] of Object.entries(properties)) {
      const text = `${name} ${JSON.stringify(node)}`;
      const before = counts.get(text);
      if (before === undefined) counts.set(text, { name, node, count: 1 });
      else before.count += 1;
    }
  }
  const shared = [...counts.values()].filter(({ count }) => count * 2 > kinds.length);
  return Object.fromEntries(shared.map(({ name, node }) => [name, node]));
}

/** What a kind has besides what is shared. */
export function ownProperties(kind: Kind, shared: Readonly<Record<string, SchemaNode>>): Record<string, SchemaNode> {
  const isOwn = ([name, node]: [string, SchemaNode]): boolean => JSON.stringify(shared[name]) !== JSON.stringify(node);
  return Object.fromEntries(Object.entries(kind.properties).filter(isOwn));
}
