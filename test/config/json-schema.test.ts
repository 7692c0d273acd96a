import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Catalog } from '../../src/config/catalog.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { isRecord } from '../../src/config/records.ts';
import { defineProcessor } from '../../src/core/component.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';
import { catalog } from './catalog.ts';

/** Enough of a JSON schema validator for what jsonSchema writes. */
function accepts(schema: unknown, value: unknown, root: unknown): boolean {
  if (!isRecord(schema)) return schema !== false;
  const all: boolean[] = [];
  const { $ref, anyOf, oneOf, type, pattern } = schema;
  if (typeof $ref === 'string') all.push(accepts(follow(root, $ref), value, root));
  for (const alternatives of [anyOf, oneOf]) {
    if (Array.isArray(alternatives)) all.push(alternatives.some((each) => accepts(each, value, root)));
  }
  if (type !== undefined) all.push([type].flat().some((each) => isOfType(each, value)));
  if (typeof pattern === 'string') all.push(typeof value === 'string' && new RegExp(pattern).test(value));
  if (Array.isArray(schema['enum'])) all.push(schema['enum'].includes(value));
  if ('const' in schema) all.push(schema['const'] === value);
  if (Array.isArray(value)) all.push(...value.map((item) => accepts(schema['items'] ?? true, item, root)));
  if (isRecord(value)) {
    if (Array.isArray(schema['required'])) all.push(schema['required'].every((key) => String(key) in value));
    for (const [key, inner] of Object.entries(value)) all.push(accepts(schemaOfKey(schema, key), inner, root));
  }
  return all.every(Boolean);
}

function schemaOfKey(schema: Record<string, unknown>, key: string): unknown {
  const { properties, patternProperties, additionalProperties } = schema;
  if (isRecord(properties) && key in properties) return properties[key];
  const patterns = isRecord(patternProperties) ? Object.entries(patternProperties) : [];
  return patterns.find(([pattern]) => new RegExp(pattern).test(key))?.[1] ?? additionalProperties ?? true;
}

function isOfType(type: unknown, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return type === 'object' ? isRecord(value) : typeof value === type;
}

function follow(root: unknown, reference: string): unknown {
  const target = reference
    .split('/')
    .slice(1)
    .reduce<unknown>((node, step) => (isRecord(node) ? node[step] : undefined), root);
  assert.ok(target !== undefined, reference);
  return target;
}

const SCHEMA = jsonSchema(catalog);
const taken = (config: unknown) => accepts(SCHEMA, config, SCHEMA);

test('a whole configuration is accepted, with aliases, names, nothing and expansions', () => {
  const config = {
    receivers: { otlp: null, 'file_log/app': { include: ['a'] } },
    exporters: {
      'otlp_grpc/up': { endpoint: '${env:UP}', sending_queue: { queue_size: '${N}', enabled: '${ON:-true}' } },
      debug: '${file:debug.yaml}',
    },
    service: { pipelines: { logs: { receivers: ['file_log/app'], exporters: ['debug'] } }, shutdown_timeout: '5s' },
  };
  assert.ok(taken(config));
});

test('unknown keys, types and wrong values are refused', () => {
  assert.ok(!taken({ recievers: {} }));
  assert.ok(!taken({ receivers: { otlpx: null } }));
  assert.ok(!taken({ exporters: { otlp: {} } }), 'endpoint is required');
  assert.ok(!taken({ exporters: { debug: { verbosity: 'loud' } } }));
  assert.ok(!taken({ exporters: { debug: { sending_queue: { queue_size: 'many' } } } }));
  assert.ok(!taken({ service: { pipelines: { logs: { recievers: [] } } } }));
});

test('settings that contain themselves keep their references', () => {
  interface Condition {
    field?: string | undefined;
    not?: Condition | undefined;
  }
  const condition: z.ZodType<Condition, Condition> = z.lazy(() =>
    z.strictObject({
      field: z.string().optional().describe('Field.'),
      not: condition.optional().describe('Inner.'),
    }),
  );
  const filter = defineProcessor({
    type: 'filter',
    summary: 'Filters.',
    signals: ['logs'],
    config: () => z.strictObject({ drop: z.array(condition).describe('Conditions.') }),
    create: () => ({ consume: () => Promise.resolve(ACCEPTED) }),
  });
  const withFilter: Catalog = { ...catalog, processors: [filter] };
  const schema = jsonSchema(withFilter);
  const drop = (each: unknown) => accepts(schema, { processors: { filter: { drop: [each] } } }, schema);
  assert.ok(drop({ not: { not: { field: 'a' } } }));
  assert.ok(!drop({ not: { not: { filed: 'a' } } }));
});

test('every setting has a description for the editor', () => {
  const undescribed: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, path);
    if (!isRecord(node)) return;
    for (const [key, inner] of Object.entries(node)) {
      if (key === 'properties' && isRecord(inner)) {
        for (const [name, property] of Object.entries(inner)) {
          if (isRecord(property) && !('description' in property) && !('$ref' in property))
            undescribed.push(`${path}.${name}`);
          visit(property, `${path}.${name}`);
        }
      } else visit(inner, path);
    }
  };
  visit(SCHEMA['$defs'], '');
  assert.deepEqual(undescribed, []);
});
