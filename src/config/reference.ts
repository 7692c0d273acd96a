import type { MetricSpec } from '../core/meter.ts';
import type { Catalog, Section } from './catalog.ts';
import { SECTIONS, signalsText } from './catalog.ts';
import { kindLists, kindsOf, ownProperties, sharedProperties, type KindList } from './kinds.ts';
import { alternatives, resolveRef, schemaTree, type SchemaNode } from './schema-tree.ts';
import { serviceSchema } from './service-settings.ts';

/** One row of the reference: a setting by its full path. */
export interface Setting {
  /** `sending_queue.batch.max_size`; `[]` stands for the entries of a list, `<name>` for free keys of a map. */
  readonly key: string;
  readonly type: string;
  /** As YAML writes it, in backquotes; or `required`; or empty. */
  readonly default: string;
  readonly description: string;
}

/** The reference of every component and setting, in Markdown. The same catalog gives the same text. */
export function referenceMarkdown(catalog: Catalog): string {
  const parts = [
    '# Configuration reference',
    'Generated from the schemas in `src`; `remora schema` prints the same as a JSON schema for editors. Keys, defaults and types are those of the OpenTelemetry Collector, except where a description begins with "Ours".',
  ];
  for (const section of SECTIONS) {
    parts.push(`## ${section.charAt(0).toUpperCase()}${section.slice(1)}`);
    for (const definition of catalog[section]) parts.push(...componentPart(section, definition));
  }
  parts.push('## Service', settingsTable(settingsOf(schemaTree(serviceSchema))));
  return `${parts.join('\n\n')}\n`;
}

function componentPart(section: Section, definition: Catalog[Section][number]): string[] {
  const { type, aliases, summary, schema, metrics } = definition;
  const facts = [
    ...(aliases.length === 0 ? [] : [`Also written ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`]),
    ...(section === 'extensions' ? [] : [`Signals: ${signalsText(definition)}.`]),
  ];
  const root = schemaTree(schema);
  return [
    `### \`${type}\``,
    [summary, ...facts].join(' '),
    settingsTable(settingsOf(root)),
    ...kindLists(root).flatMap((list) => kindsPart(list, root)),
    ...(metrics.length === 0 ? [] : [metricsTable(metrics)]),
  ];
}

/** The kinds of entries of a list: what most of them have, and then each with what else it has. */
function kindsPart({ key, kinds }: KindList, root: SchemaNode): string[] {
  const shared = sharedProperties(kinds);
  const tableOf = (properties: Readonly<Record<string, SchemaNode>>, required: readonly string[]): string =>
    settingsTable(settingsOf({ properties, required }, root));
  return [
    `#### \`${key}\`: ${kinds.map(({ type }) => `\`${type}\``).join(', ')}`,
    'Each has these, except where its own table says otherwise:',
    tableOf(
      shared,
      Object.keys(shared).filter((name) => kinds.every(({ required }) => required.includes(name))),
    ),
    ...kinds.flatMap((kind) => {
      const own = ownProperties(kind, shared);
      const head = `##### \`${kind.type}\``;
      return Object.keys(own).length === 0 ? [head, kind.summary] : [head, kind.summary, tableOf(own, kind.required)];
    }),
  ];
}

/** Every setting below `node`, in the order of the schema; lists of kinds (`kindLists`) are left closed. */
export function settingsOf(node: SchemaNode, root = node): readonly Setting[] {
  const settings = new Map<string, Row>();
  collect({ root, settings, open: [] }, node, '');
  return [...settings.values()].map(({ types, ...setting }) => ({ ...setting, type: [...types].join(' or ') }));
}

/** Alternatives that share a key share its row. */
type Row = Omit<Setting, 'type'> & { readonly types: Set<string> };

interface Walk {
  readonly root: SchemaNode;
  readonly settings: Map<string, Row>;
  /** References being walked: one that contains itself is described once. */
  readonly open: readonly string[];
}

function collect(walk: Walk, node: SchemaNode, prefix: string): void {
  const { $ref } = node;
  if ($ref !== undefined && walk.open.includes($ref)) return;
  const inner = $ref === undefined ? walk : { ...walk, open: [...walk.open, $ref] };
  for (const each of alternatives(node, walk.root)) {
    for (const [name, property] of Object.entries(each.properties ?? {})) {
      const key = prefix === '' ? name : `${prefix}.${name}`;
      addSetting(inner, property, { key, isRequired: each.required?.includes(name) === true });
    }
    if (typeof each.additionalProperties === 'object' && isCompound(each.additionalProperties, walk.root)) {
      collect(inner, each.additionalProperties, prefix === '' ? '<name>' : `${prefix}.<name>`);
    }
    if (each.items !== undefined && kindsOf(each, walk.root) === undefined) collect(inner, each.items, `${prefix}[]`);
  }
}

interface Place {
  readonly key: string;
  readonly isRequired: boolean;
}

function addSetting(walk: Walk, property: SchemaNode, { key, isRequired }: Place): void {
  const node = resolveRef(property, walk.root);
  const type = typeName(node, walk.root);
  const before = walk.settings.get(key);
  if (before !== undefined) before.types.add(type);
  else {
    const written = node.default === undefined || isCompound(node, walk.root) ? '' : `\`${yamlOf(node.default)}\``;
    const fallback = isRequired ? 'required' : written;
    walk.settings.set(key, { key, types: new Set([type]), default: fallback, description: node.description ?? '' });
  }
  collect(walk, property, key);
}

/** A text stands for itself where YAML would read it as that text. */
function yamlOf(value: unknown): string {
  return typeof value === 'string' && /\S/.test(value) ? value : JSON.stringify(value);
}

/** Its settings have rows of their own. */
function isCompound(node: SchemaNode, root: SchemaNode): boolean {
  return alternatives(node, root).some((each) => each.properties !== undefined);
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  array: 'list',
  object: 'map',
  null: 'nothing',
};

/** `levels` lists and maps inside each other are told apart: a type may contain itself. */
function typeName(node: SchemaNode, root: SchemaNode, levels = 2): string {
  const each = alternatives(node, root);
  return [...new Set(each.map((one) => singleTypeName(one, root, levels)))].join(' or ');
}

function singleTypeName(node: SchemaNode, root: SchemaNode, levels: number): string {
  if (node.title !== undefined) return node.title;
  if (node.const !== undefined) return `\`${JSON.stringify(node.const).replaceAll('"', '')}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.items !== undefined) return levels === 0 ? 'list' : `list of ${typeName(node.items, root, levels - 1)}`;
  if (typeof node.additionalProperties === 'object') {
    return levels === 0 ? 'map' : `map of ${typeName(node.additionalProperties, root, levels - 1)}`;
  }
  const types = node.type === undefined ? [] : typeof node.type === 'string' ? [node.type] : node.type;
  return types.length === 0 ? 'anything' : types.map((type) => TYPE_NAMES[type] ?? type).join(' or ');
}

function settingsTable(settings: readonly Setting[]): string {
  if (settings.length === 0) return 'It has no settings.';
  return table(
    ['Setting', 'Type', 'Default', 'Description'],
    settings.map(({ key, type, default: fallback, description }) => [`\`${key}\``, type, fallback, description]),
  );
}

function metricsTable(metrics: readonly MetricSpec[]): string {
  const rows = metrics.map(({ name, kind, labels, help }) => [
    `\`${name}\``,
    kind,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ]);
  return table(['Metric', 'Kind', 'Labels', 'Meaning'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}
