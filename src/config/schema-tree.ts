import * as z from 'zod';
import type { Path } from './problem.ts';
import { isRecord } from './records.ts';

/** The parts of JSON schema that zod writes and that suggestions, defaults, the reference and editors read. */
export interface SchemaNode {
  /** Set on kinds of values that people know by name: `duration` and `size` of core/settings.ts. */
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
}

const trees = new WeakMap<z.ZodType, SchemaNode>();

/** What a person writes, so defaults and units are those of the YAML. Made on first use: a start without problems needs none. */
export function schemaTree(schema: z.ZodType): SchemaNode {
  const tree: unknown = trees.get(schema) ?? z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const made = isSchemaNode(tree) ? tree : {};
  trees.set(schema, made);
  return made;
}

/** Zod writes JSON schema and nothing else, so a look at the outermost shape is enough. */
function isSchemaNode(tree: unknown): tree is SchemaNode {
  return isRecord(tree);
}

export function resolveRef(node: SchemaNode, root: SchemaNode): SchemaNode {
  const { $ref, ...beside } = node;
  if ($ref === undefined) return node;
  const target = $ref === '#' ? root : root.$defs?.[$ref.replace('#/$defs/', '')];
  // A reference to a reference is not what zod writes; taking it as anything ends every loop.
  return target === undefined || target.$ref !== undefined ? {} : { ...target, ...beside };
}

/** The alternatives that `node` stands for, itself when it has none or is known by a name of its own. */
export function alternatives(node: SchemaNode, root: SchemaNode): readonly SchemaNode[] {
  const resolved = resolveRef(node, root);
  const inner = resolved.anyOf ?? resolved.oneOf ?? resolved.allOf;
  return inner === undefined || resolved.title !== undefined
    ? [resolved]
    : inner.flatMap((each) => alternatives(each, root));
}

/** The schemas that may hold at `path`; several where alternatives differ. */
export function schemasAt(root: SchemaNode, path: Path): readonly SchemaNode[] {
  let nodes = alternatives(root, root);
  for (const step of path)
    nodes = nodes.flatMap((node) => below(node, step)).flatMap((node) => alternatives(node, root));
  return nodes;
}

function below(node: SchemaNode, step: string | number): readonly SchemaNode[] {
  const named = node.properties?.[step];
  if (named !== undefined) return [named];
  if (typeof node.additionalProperties === 'object') return [node.additionalProperties];
  return typeof step === 'number' && node.items !== undefined ? [node.items] : [];
}

/** Keys that the schema names at `path`. */
export function keysAt(root: SchemaNode, path: Path): readonly string[] {
  return [...new Set(schemasAt(root, path).flatMap((node) => Object.keys(node.properties ?? {})))];
}
