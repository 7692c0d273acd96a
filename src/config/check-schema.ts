import type { z } from 'zod';
import { explainAll, type Subject } from './explain.ts';
import { nodeAt, toValue, type ConfigNode } from './positions.ts';
import type { Path } from './problem.ts';
import { keysAt, schemaTree } from './schema-tree.ts';

type Issue = z.core.$ZodIssue;
type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Applies a schema to the subtree at `subject.base`. As the Collector does, a value that came whole from an expansion
 * is taken as text where the schema wants text, and a key without a value stands for its default. Problems are
 * reported; undefined then.
 */
export function checkSchema<T>(
  subject: Subject,
  parse: (value: unknown) => Outcome<T>,
): { value: T; raw: unknown } | undefined {
  const node = nodeAt(subject.root, subject.base);
  if (node === undefined) return undefined;
  const adjusting = { node, schema: subject.schema, adjust: new Map<ConfigNode, 'text' | 'omit'>() };
  for (;;) {
    const raw = toValue(node, adjusting.adjust);
    const outcome = parse(raw);
    if (outcome.ok) return { value: outcome.value, raw };
    // Every turn adjusts at least one more node, so this ends.
    if (adjustAll(outcome.issues, adjusting, [])) continue;
    explainAll(outcome.issues, subject);
    return undefined;
  }
}

interface Adjusting {
  readonly node: ConfigNode;
  readonly schema: z.ZodType;
  readonly adjust: Map<ConfigNode, 'text' | 'omit'>;
}

function adjustAll(issues: readonly Issue[], adjusting: Adjusting, base: Path): boolean {
  let changed = false;
  for (const issue of issues) {
    const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
    const branches = issue.code === 'invalid_union' ? issue.errors : [];
    for (const branch of branches) if (adjustAll(branch, adjusting, path)) changed = true;
    if (branches.length === 0 && adjustOne(issue, adjusting, path)) changed = true;
  }
  return changed;
}

function adjustOne(issue: Issue, { node: root, schema, adjust }: Adjusting, path: Path): boolean {
  const node = nodeAt(root, path);
  if (node === undefined || node === root || adjust.has(node)) return false;
  const wantsText = issue.code === 'invalid_type' ? issue.expected === 'string' : issue.code === 'invalid_value';
  const isEmpty = node.kind === 'scalar' && node.value === null;
  if (wantsText && node.text !== undefined) adjust.set(node, 'text');
  else if (isEmpty && hasDefault(schema, path)) adjust.set(node, 'omit');
  return adjust.has(node);
}

/** A key that the schema names. Entries of free maps and lists have no default, so leaving one out would hide it. */
function hasDefault(schema: z.ZodType, path: Path): boolean {
  return keysAt(schemaTree(schema), path.slice(0, -1)).includes(String(path.at(-1)));
}
