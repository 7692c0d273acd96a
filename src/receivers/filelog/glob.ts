/**
 * Path patterns as the Collector takes them: `*` and `?` within one segment, `**` over any number of directories,
 * `[a-z]`, `[!a]`, `{a,b}`, and `\` before a character that is meant literally.
 */
export interface Glob {
  /** Directory above the first segment that is a pattern. */
  readonly root: string;
  readonly segments: readonly Segment[];
  /** Matches whole absolute paths. */
  readonly regex: RegExp;
}

export type Segment =
  | { readonly kind: 'literal'; readonly name: string }
  /** `all`: it takes every name. */
  | { readonly kind: 'pattern'; readonly regex: RegExp; readonly all: boolean }
  | { readonly kind: 'globstar' };

/** A pattern with braces is several globs. `base` is what relative patterns start from. Throws SyntaxError. */
export function compileGlobs(pattern: string, base: string): Glob[] {
  return expandBraces(pattern).map((plain) => compileOne(plain.startsWith('/') ? plain : `${base}/${plain}`));
}

function compileOne(pattern: string): Glob {
  const names = normalSegments(pattern);
  const segments = names.map(compileSegment);
  const firstPattern = segments.findIndex((segment) => segment.kind !== 'literal');
  const split = firstPattern === -1 ? segments.length - 1 : firstPattern;
  const literals = segments.slice(0, split).map((segment) => (segment.kind === 'literal' ? segment.name : ''));
  const source = names.map((name) => (name === '**' ? '(?:/[^/]+)*' : `/${segmentSource(name)}`)).join('');
  // `a/**` takes every file below a, `a/**/b` also a/b.
  return { root: `/${literals.join('/')}`, segments: segments.slice(split), regex: new RegExp(`^${source}$`, 's') };
}

function normalSegments(pattern: string): string[] {
  const names: string[] = [];
  for (const name of pattern.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else if (name !== '**' || names.at(-1) !== '**') names.push(name);
  }
  if (names.length === 0) throw new SyntaxError('the pattern names no file');
  return names.at(-1) === '**' ? [...names, '*'] : names;
}

function compileSegment(name: string): Segment {
  if (name === '**') return { kind: 'globstar' };
  if (!/[*?[\\]/.test(name)) return { kind: 'literal', name };
  return { kind: 'pattern', regex: new RegExp(`^${segmentSource(name)}$`, 's'), all: /^\*+$/.test(name) };
}

function segmentSource(name: string): string {
  let source = '';
  for (let i = 0; i < name.length; i++) {
    const char = name.charAt(i);
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const end = closingBracket(name, i);
      source += classSource(name.slice(i + 1, end));
      i = end;
    } else if (char === '\\') source += escapeRegex(name.charAt(++i));
    else source += escapeRegex(char);
  }
  return source;
}

function closingBracket(name: string, open: number): number {
  for (let i = open + 1; i < name.length; i++) {
    if (name[i] === '\\') i++;
    else if (name[i] === ']' && i > open + 1) return i;
  }
  throw new SyntaxError(`"[" without "]" in "${name}"`);
}

function classSource(inside: string): string {
  const negated = inside.startsWith('!') || inside.startsWith('^');
  const body = (negated ? inside.slice(1) : inside).replace(/[\][^&~]/g, '\\$&');
  if (body === '') throw new SyntaxError('a character class "[]" is empty');
  return negated ? `[^/${body}]` : `[${body}]`;
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** `a{b,c{d,e}}f` as abf, acdf, acef. */
export function expandBraces(pattern: string): string[] {
  const open = indexOutsideEscapes(pattern, '{', 0);
  if (open === -1) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === '\\') i++;
    else if (char === '{') depth++;
    else if (char === ',' && depth === 1) {
      parts.push(pattern.slice(from, i));
      from = i + 1;
    } else if (char === '}' && --depth === 0) {
      parts.push(pattern.slice(from, i));
      const head = pattern.slice(0, open);
      const tail = pattern.slice(i + 1);
      return parts.flatMap((part) => expandBraces(head + part + tail));
    }
  }
  throw new SyntaxError(`"{" without "}" in "${pattern}"`);
}

function indexOutsideEscapes(text: string, wanted: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === wanted) return i;
  }
  return -1;
}
