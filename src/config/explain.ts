import type { z } from 'zod';
import { child, keyPlace, nodeAt, originAt, valuePlace, type ConfigNode } from './positions.ts';
import { numberAdvice } from './number-advice.ts';
import { formatPath, type Path, type Problems } from './problem.ts';
import { unsupportedKey, unsupportedValue } from './known-keys.ts';
import { keysAt, schemasAt, schemaTree } from './schema-tree.ts';
import { didYouMean, nearest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** What a schema was applied to. */
export interface Subject {
  readonly root: ConfigNode;
  /** From the top of the configuration to what the schema describes. */
  readonly base: Path;
  readonly schema: z.ZodType;
  readonly problems: Problems;
}

/** A credential may stand here, so the value is not repeated. */
const SENSITIVE = /pass|secret|token|credential|authorization|api[-_]?key|private|headers|_pem$/i;

/** Reports every complaint of a schema. A key that is missing because it was misspelt is told once, as misspelt. */
export function explainAll(issues: readonly Issue[], subject: Subject): void {
  const misspelt = new Set(issues.flatMap((issue) => meantBy(issue, subject)));
  for (const issue of issues) {
    const path = pathOf(issue);
    const isMissing = nodeAt(subject.root, [...subject.base, ...path]) === undefined;
    if (!isMissing || !misspelt.has(formatPath(path))) explain(issue, subject);
  }
}

/** The paths that the unknown keys of a complaint were meant to be. */
function meantBy(issue: Issue, subject: Subject): readonly string[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const path = pathOf(issue);
  const known = keysAt(schemaTree(subject.schema), path);
  return issue.keys.flatMap((key) => {
    const meant = nearest(key, known);
    return meant === undefined ? [] : [formatPath([...path, meant])];
  });
}

/** Reports a schema's complaint in words that need no knowledge of the schema, at the place to mend. */
function explain(issue: Issue, subject: Subject): void {
  const at = [...subject.base, ...pathOf(issue)];
  if (nodeAt(subject.root, at)?.failed) return;
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) explainUnknownKey(key, at, subject);
      return;
    case 'invalid_union': {
      explainUnion(issue, at, subject);
      return;
    }
    case 'invalid_value': {
      explainChoice(issue.values.map(String), at, subject);
      return;
    }
    case 'invalid_type': {
      report(at, `expected ${describeExpected(issue)}`, subject);
      return;
    }
    case 'invalid_key':
    case 'invalid_element':
      for (const inner of issue.issues) explain({ ...inner, path: [...issue.path, ...inner.path] }, subject);
      return;
    case 'too_small': {
      report(at, `expected ${bound(issue.origin, 'at least', Number(issue.minimum), issue.inclusive)}`, subject);
      return;
    }
    case 'too_big': {
      report(at, `expected ${bound(issue.origin, 'at most', Number(issue.maximum), issue.inclusive)}`, subject);
      return;
    }
    case 'invalid_format':
    case 'not_multiple_of':
    case 'custom': {
      explainInOwnWords(issue.message, at, subject);
      return;
    }
  }
}

function pathOf(issue: Issue): Path {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
}

function explainUnknownKey(key: string, parent: Path, subject: Subject): void {
  const { root, problems } = subject;
  const path = [...parent, key];
  const known = chosenKeys(parent, subject);
  const all = keysAt(schemaTree(subject.schema), parent.slice(subject.base.length));
  const advice = unsupportedKey(path);
  if (advice !== undefined) {
    problems.error(keyPlace(root, path), path, 'this key is not supported', advice);
    return;
  }
  const list = known.length > 0 ? `the keys here are ${known.join(', ')}` : undefined;
  const suggestion = didYouMean(key, known) ?? (all.includes(key) ? undefined : didYouMean(key, all)) ?? list;
  problems.error(keyPlace(root, path), path, 'unknown key', suggestion);
}

/** The keys that may stand at `path`: of alternatives, those of the one that the constant values written there choose. */
function chosenKeys(path: Path, subject: Subject): readonly string[] {
  const nodes = schemasAt(schemaTree(subject.schema), path.slice(subject.base.length));
  const chosen = nodes.filter(({ properties = {} }) =>
    Object.entries(properties).every(
      ([key, { const: only }]) => only === undefined || only === writtenValue([...path, key], subject),
    ),
  );
  return [...new Set((chosen.length > 0 ? chosen : nodes).flatMap(({ properties = {} }) => Object.keys(properties)))];
}

/** Alternatives: the one that fits the written value best explains itself; else what they all want is listed. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, subject: Subject): void {
  if (issue.discriminator !== undefined) {
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    explainChoice(options, path, subject);
    return;
  }
  const fitting = issue.errors.filter((errors) => errors.every((error) => error.path.length > 0 || !isOfKind(error)));
  const [best] = fitting.toSorted((a, b) => a.length - b.length);
  if (best !== undefined) {
    for (const inner of best) explain({ ...inner, path: [...issue.path, ...inner.path] }, subject);
    return;
  }
  report(path, `expected ${expectedOfUnion(issue.errors.flat(), pathOf(issue), subject)}`, subject);
}

/** Complains about the kind of the value, not about something in it. */
function isOfKind(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

const NAMED: Readonly<Record<string, string>> = {
  duration: 'a duration such as 200ms, 5s or 1m30s',
  size: 'a size in bytes, or with a unit such as 1MiB',
};

function expectedOfUnion(issues: readonly Issue[], path: Path, { schema }: Subject): string {
  const names = schemasAt(schemaTree(schema), path).flatMap(({ title }) => NAMED[title ?? ''] ?? []);
  const kinds = names.length > 0 ? names : issues.map((issue) => describeExpected(issue));
  return [...new Set(kinds)].join(' or ');
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  null: 'nothing',
};

function describeExpected(issue: Issue): string {
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.expected;
  return issue.code === 'invalid_value'
    ? issue.values.map((value) => JSON.stringify(value)).join(' or ')
    : 'another value';
}

function bound(origin: string, relation: string, limit: number, inclusive = true): string {
  const than = inclusive ? `${relation} ${limit}` : `${relation === 'at least' ? 'more' : 'less'} than ${limit}`;
  if (origin === 'array') return `${than} ${limit === 1 ? 'entry' : 'entries'}`;
  return origin === 'string' ? `${than} ${limit === 1 ? 'character' : 'characters'}` : than;
}

function explainChoice(options: readonly string[], path: Path, subject: Subject): void {
  const value = writtenValue(path, subject);
  const advice = unsupportedValue(path, value);
  if (advice !== undefined) {
    const { root, problems } = subject;
    problems.error(valuePlace(root, path), path, `"${String(value)}" is not supported`, advice);
    return;
  }
  const suggestion = typeof value === 'string' ? didYouMean(value, options) : undefined;
  const expected = options.length === 1 ? `"${options[0] ?? ''}"` : `one of ${options.map((o) => `"${o}"`).join(', ')}`;
  report(path, `expected ${expected}`, subject, suggestion);
}

function writtenValue(path: Path, { root }: Subject): unknown {
  const node = nodeAt(root, path);
  return node?.kind === 'scalar' && originAt(root, path) === undefined ? node.value : undefined;
}

function report(path: Path, expected: string, { root, problems }: Subject, suggestion?: string): void {
  const node = nodeAt(root, path);
  if (node === undefined) {
    problems.error(keyPlace(root, path), path, `is required: ${expected.replace(/^expected /, '')}`, suggestion);
    return;
  }
  const message = `${expected}, found ${describeFound(node, path, root)}`;
  problems.error(valuePlace(root, path), path, message, suggestion ?? hint(expected, path, root));
}

function describeFound(node: ConfigNode, path: Path, root: ConfigNode): string {
  const origin = originAt(root, path);
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return origin === undefined ? 'nothing' : `nothing from ${origin}`;
  const kind =
    typeof node.value === 'string' ? 'the text' : typeof node.value === 'number' ? 'the number' : 'the value';
  if (origin !== undefined) return `${kind} from ${origin}`;
  return path.some((step) => SENSITIVE.test(String(step)))
    ? `${kind} there`
    : `${kind} ${shorten(JSON.stringify(node.value))}`;
}

/** Values from outside, which are not to be shown, get none. */
function hint(expected: string, path: Path, root: ConfigNode): string | undefined {
  const node = nodeAt(root, path);
  if (node?.kind !== 'scalar' || node.value === null) return undefined;
  if (typeof node.value !== 'string') return expected === 'expected text' ? 'put it in quotes' : undefined;
  const wantsNumber = expected === 'expected a number' || expected === 'expected a whole number';
  return wantsNumber && originAt(root, path) === undefined ? numberAdvice(path, node.value) : undefined;
}

const LONGEST_SHOWN = 80;

function shorten(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}...`;
}

/** Messages of the component itself may quote the value, which must not be shown when it came from outside. */
function explainInOwnWords(message: string, path: Path, { root, problems }: Subject): void {
  const node = nodeAt(root, path);
  const origin = originAt(root, path);
  const value = node?.kind === 'scalar' && node.value !== null ? String(node.text ?? node.value) : '';
  const clean = origin !== undefined && value !== '' ? message.replaceAll(value, () => origin) : message;
  const isMissing = node === undefined && child(nodeAt(root, path.slice(0, -1)), path.at(-1) ?? '') === undefined;
  problems.error(isMissing ? keyPlace(root, path) : valuePlace(root, path), path, clean.replace(/\.$/, ''));
}
