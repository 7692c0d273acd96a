import { Secret } from '../core/secret.ts';
import { byteSizeText, durationText } from '../core/settings.ts';
import { SECTIONS, type Section } from './catalog.ts';
import { child, nodeAt, toValue, type ConfigNode } from './positions.ts';
import { isRecord } from './records.ts';
import { resolveRef, schemaTree, type SchemaNode } from './schema-tree.ts';
import { serviceSchema } from './service-settings.ts';
import type { z } from 'zod';

/** The parts of a plan that say how settings were understood. */
interface Understood {
  readonly receivers: ReadonlyMap<string, Settings>;
  readonly processors: ReadonlyMap<string, Settings>;
  readonly exporters: ReadonlyMap<string, Settings>;
  readonly connectors: ReadonlyMap<string, Settings>;
  readonly extensionsById: ReadonlyMap<string, Settings>;
}

interface Settings {
  readonly definition: { readonly schema: z.ZodType };
  readonly prepared: { readonly config: unknown; readonly sending?: object };
  readonly raw: unknown;
}

/** Keys whose values are credentials wherever they stand, should a schema have forgotten to say so. */
const SENSITIVE = /pass(word|phrase)?$|secret|token|authorization|api[-_]?key|private_?key|^key_pem$/i;

/**
 * The configuration after merging, expansion and defaults, in the words of the YAML (`5s`, not 5000) so that it can be
 * loaded again. Credentials are `Secret` values.
 */
export function effectiveConfig(root: ConfigNode, understood: Understood): unknown {
  const sections: Record<string, unknown> = {};
  for (const section of SECTIONS) {
    const node = child(root, section);
    if (node?.kind !== 'map') continue;
    const planned = section === 'extensions' ? understood.extensionsById : understood[section];
    const ids = [...node.entries.keys()].map((id) => [id, effectiveComponent(root, [section, id], planned.get(id))]);
    sections[section] = Object.fromEntries(ids);
  }
  const service = nodeAt(root, ['service']);
  const raw = service === undefined ? {} : (toValue(service) ?? {});
  const tree = schemaTree(serviceSchema);
  return { ...sections, service: conceal(withDefaults(raw, tree, tree), new Set(), '') };
}

/** Unused components stand as they were written. */
function effectiveComponent(
  root: ConfigNode,
  path: readonly [Section, string],
  settings: Settings | undefined,
): unknown {
  const node = nodeAt(root, path);
  if (settings === undefined) return node === undefined ? null : conceal(toValue(node), new Set(), '');
  const tree = schemaTree(settings.definition.schema);
  const secrets = new Set<string>();
  collectSecrets(settings.prepared.config, secrets, []);
  const filled = withDefaults(settings.raw ?? {}, tree, tree);
  return conceal(withResolved(filled, settings.prepared.sending, tree, tree), secrets, '');
}

/** Fills in the defaults of the schema, deeply. Where alternatives differ the value stays as it is. */
function withDefaults(value: unknown, schema: SchemaNode, root: SchemaNode): unknown {
  const node = resolveRef(schema, root);
  if (Array.isArray(value)) {
    const { items } = node;
    return items === undefined ? value : value.map((item) => withDefaults(item, items, root));
  }
  if (!isRecord(value)) return value;
  const object = objectAmong(node, root);
  if (object === undefined) return value;
  const filled: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(object.properties ?? {})) {
    const written = value[key] ?? resolveRef(property, root).default;
    if (written !== undefined) filled[key] = withDefaults(written, property, root);
  }
  const others = typeof object.additionalProperties === 'object' ? object.additionalProperties : {};
  for (const [key, written] of Object.entries(value)) {
    if (!Object.hasOwn(filled, key)) filled[key] = withDefaults(written, others, root);
  }
  return filled;
}

/** Adds the defaults that depend on other settings: what a schema leaves open and `resolved` has. */
function withResolved(value: unknown, resolved: unknown, schema: SchemaNode, root: SchemaNode): unknown {
  const object = objectAmong(resolveRef(schema, root), root);
  if (!isRecord(value) || !isRecord(resolved) || object?.properties === undefined) return value;
  const filled: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(object.properties)) {
    const known = resolved[key];
    const inner = Object.hasOwn(value, key)
      ? withResolved(value[key], known, property, root)
      : written(known, property);
    if (inner !== undefined) filled[key] = inner;
  }
  return { ...filled, ...withoutKeys(value, filled) };
}

/** A resolved number, text or switch as the YAML has it. */
function written(value: unknown, property: SchemaNode): unknown {
  if (typeof value === 'number' && property.title === 'duration') return durationText(value);
  if (typeof value === 'number' && property.title === 'size') return byteSizeText(value);
  return typeof value === 'object' ? undefined : value;
}

function withoutKeys(value: Record<string, unknown>, known: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !Object.hasOwn(known, key)));
}

/** The only alternative that is a map, if there is exactly one. */
function objectAmong(node: SchemaNode, root: SchemaNode): SchemaNode | undefined {
  if (node.properties !== undefined || typeof node.additionalProperties === 'object') return node;
  const maps = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap((each) => {
    const map = objectAmong(resolveRef(each, root), root);
    return map === undefined ? [] : [map];
  });
  return maps.length === 1 ? maps[0] : undefined;
}

function collectSecrets(value: unknown, into: Set<string>, above: readonly unknown[]): void {
  if (value instanceof Secret) into.add(value.reveal());
  else if (typeof value === 'object' && value !== null && !above.includes(value)) {
    const inner = value instanceof Map ? value.values() : Object.values(value);
    for (const each of inner) collectSecrets(each, into, [...above, value]);
  }
}

/** Shorter secrets are hidden only where they are a whole value: inside other text they would match by chance. */
const SHORTEST_INSIDE = 6;

/** `key` is the nearest key above: what stands in a list belongs to the key of the list. */
function conceal(value: unknown, secrets: ReadonlySet<string>, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => conceal(item, secrets, key));
  if (isRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, conceal(inner, secrets, name)]));
  }
  if (typeof value !== 'string' || value === '') return value;
  const isSecret = SENSITIVE.test(key) || secrets.has(value);
  const holdsSecret = [...secrets].some((each) => each.length >= SHORTEST_INSIDE && value.includes(each));
  if (isSecret || holdsSecret) return new Secret(value);
  return value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1[REDACTED]@');
}
