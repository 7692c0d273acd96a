import type { z } from 'zod';
import { explain, type Subject } from './explain.ts';
import { nodeAt, toValue, type ConfigNode } from './positions.ts';
import type { Path } from './problem.ts';

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
  const adjust = new Map<ConfigNode, 'text' | 'omit'>();
  for (;;) {
    const raw = toValue(node, adjust);
    const outcome = parse(raw);
    if (outcome.ok) return { value: outcome.value, raw };
    // Every turn adjusts at least one more node, so this ends.
    if (adjustAll(outcome.issues, node, [], adjust)) continue;
    for (const issue of outcome.issues) explain(issue, subject);
    return undefined;
  }
}

function adjustAll(
  issues: readonly Issue[],
  root: ConfigNode,
  base: Path,
  adjust: Map<ConfigNode, 'text' | 'omit'>,
): boolean {
  let changed = false;
  for (const issue of issues) {
    const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
    if (issue.code === 'invalid_union') {
      for (const branch of issue.errors) if (adjustAll(branch, root, path, adjust)) changed = true;
      if (issue.errors.length > 0) continue;
    }
    const node = nodeAt(root, path);
    if (node === undefined || adjust.has(node)) continue;
    const adjustment = adjustmentOf(issue, node);
    if (adjustment === undefined || node === root) continue;
    adjust.set(node, adjustment);
    changed = true;
  }
  return changed;
}

function adjustmentOf(issue: Issue, node: ConfigNode): 'text' | 'omit' | undefined {
  const wantsText = issue.code === 'invalid_type' ? issue.expected === 'string' : issue.code === 'invalid_value';
  if (wantsText && node.text !== undefined) return 'text';
  return node.kind === 'scalar' && node.value === null ? 'omit' : undefined;
}
