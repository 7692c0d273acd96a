import type { Split, SplitOptions } from './split-support.ts';

/**
 * What the records of a text are, said as simply as possible: over the whole text, without a thought on chunks, files that
 * grow, or speed. `sizeOf` is the size of a character in the file.
 */
export function referenceRecords(text: string, options: SplitOptions, sizeOf: (character: string) => number): Split[] {
  const records: Split[] = [];
  let at = 0;
  while (at < text.length) {
    while (text[at] === '\0') at++;
    if (at === text.length) break;
    const [from, to, next] = nextRecord(text, at, options);
    records.push(...pieces(text.slice(from, to), options, sizeOf));
    at = next;
  }
  return records;
}

type Found = readonly [from: number, to: number, next: number];

function nextRecord(text: string, at: number, { multiline = {} }: SplitOptions): Found {
  const { line_start_pattern: start, line_end_pattern: end, omit_pattern: omit = false } = multiline;
  if (start !== undefined) return byStart(text, at, linePattern(start), omit);
  if (end !== undefined) return byEnd(text, at, linePattern(end), omit);
  const newline = text.indexOf('\n', at);
  const to = newline === -1 ? text.length : newline;
  return [at, to > at && text[to - 1] === '\r' ? to - 1 : to, newline === -1 ? text.length : newline + 1];
}

/** Signs stand at the ends of the patterns of these tests only. A dot takes a return too, as in Go. */
function linePattern(source: string): RegExp {
  const atLines = source.replace(/^\^/, '(?:^|(?<=\\n))').replace(/\$$/, '(?:$|(?=\\r?\\n))');
  return new RegExp(atLines.replaceAll('.', '[^\\n]'), 'gu');
}

function byStart(text: string, at: number, pattern: RegExp, omit: boolean): Found {
  pattern.lastIndex = at;
  const [own, ...others] = text.matchAll(pattern);
  if (own === undefined) return [at, text.length, text.length];
  if (own.index > at) return [at, own.index, own.index];
  const ownEnd = at + own[0].length;
  const next = others.find(({ index }) => index > ownEnd)?.index ?? text.length;
  return [omit ? ownEnd : at, next, next];
}

function byEnd(text: string, at: number, pattern: RegExp, omit: boolean): Found {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return [at, text.length, text.length];
  const next = match.index + match[0].length;
  return [at, omit ? match.index : next, next];
}

/** Cut where one character more would make a piece longer than the limit. Blanks count as content at a cut only. */
function pieces(record: string, options: SplitOptions, sizeOf: (character: string) => number): Split[] {
  const {
    maxLogSize = Number.POSITIVE_INFINITY,
    truncate = false,
    keepLeading = false,
    keepTrailing = false,
  } = options;
  const parts = [''];
  let size = 0;
  for (const character of record) {
    if (size + sizeOf(character) > maxLogSize) {
      parts.push('');
      size = 0;
    }
    parts.push(`${parts.pop() ?? ''}${character}`);
    size += sizeOf(character);
  }
  const trimmed = parts.map((part, n): Split => {
    const isFirst = n === 0;
    const isLast = n === parts.length - 1;
    let body = part;
    if (isLast && !keepTrailing) body = body.replace(/[ \t\r\n]+$/u, '');
    if (isFirst && !keepLeading) body = body.replace(/^[ \t\r\n]+/u, '');
    return [body, parts.length > 1];
  });
  return (truncate ? trimmed.slice(0, 1) : trimmed).filter(([body]) => body !== '');
}
