import type { Catalog, Section } from './catalog.ts';
import { SECTIONS, SINGULAR } from './catalog.ts';
import { isRecord } from './records.ts';
import { schemaTree } from './schema-tree.ts';
import { serviceSchema } from './service-settings.ts';

type Json = Record<string, unknown>;

/** A JSON schema of the whole configuration file, for completion and checks in editors. */
export function jsonSchema(catalog: Catalog): Json {
  const definitions: Json = { service: hoist(schemaTree(serviceSchema), 'service') };
  const properties: Json = {};
  for (const section of SECTIONS) {
    const patternProperties: Json = {};
    for (const { type, aliases, summary, schema } of catalog[section]) {
      const name = `${section}.${type}`;
      definitions[name] = { ...hoist(schemaTree(schema), name), description: summary };
      patternProperties[idPattern([type, ...aliases])] = {
        anyOf: [{ $ref: `#/$defs/${name}` }, { type: 'null' }, EXPANSION],
      };
    }
    properties[section] = sectionSchema(section, patternProperties);
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Remora configuration',
    type: 'object',
    properties: { ...properties, service: { $ref: '#/$defs/service' } },
    additionalProperties: false,
    $defs: definitions,
  };
}

function sectionSchema(section: Section, patternProperties: Json): Json {
  const description = `The ${section}; ids are type or type/name, so that one ${SINGULAR[section]} type can be used twice.`;
  return { description, type: ['object', 'null'], patternProperties, additionalProperties: false };
}

function idPattern(types: readonly string[]): string {
  return `^(${types.join('|')})(/.+)?$`;
}

/** `${env:X}` may stand for any value. */
const EXPANSION = { type: 'string', pattern: '\\$\\{.+\\}' };

/**
 * The schema of one part as a definition of the whole: its references point below its own name, and everything that is
 * not text also takes an expansion.
 */
function hoist(tree: unknown, name: string): Json {
  const hoisted = rewrite(tree, name);
  return isRecord(hoisted) ? hoisted : {};
}

function rewrite(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((each) => rewrite(each, name));
  if (!isRecord(value)) return value;
  const copy: Json = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$schema') continue;
    if (key === '$ref' && typeof inner === 'string') copy[key] = `#/$defs/${name}${inner.slice(1)}`;
    else if (key === 'properties' && isRecord(inner)) copy[key] = mapValues(inner, (each) => settable(each, name));
    else if (key === 'additionalProperties' && isRecord(inner)) copy[key] = settable(inner, name);
    else copy[key] = key === 'default' || key === 'const' || key === 'enum' ? inner : rewrite(inner, name);
  }
  return copy;
}

function settable(value: unknown, name: string): unknown {
  const schema = rewrite(value, name);
  if (!isRecord(schema) || takesAnyText(schema)) return schema;
  const { description, default: fallback, ...rest } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [rest, EXPANSION],
  };
}

function takesAnyText(schema: Json): boolean {
  if (Object.keys(schema).every((key) => key === 'description' || key === 'default')) return true;
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].some((each) => isRecord(each) && takesAnyText(each));
  return (
    [schema['type']].flat().includes('string') && !('enum' in schema) && !('const' in schema) && !('pattern' in schema)
  );
}

function mapValues(record: Json, map: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
