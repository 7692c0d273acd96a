import { isUtf8 } from 'node:buffer';
import { utf8 } from '../../otlp/wire.ts';
import {
  BACKSLASH,
  CLOSE,
  COMMA,
  EQUALS,
  NEWLINE,
  OPEN,
  QUOTE,
  SPACE,
  TAB,
  type Format,
  type PageScanner,
} from './page-scanner.ts';

/** Name and labels of a series, parsed when it is seen for the first time. */
export interface SampleKey {
  name: string;
  /** Label names and values in turn: name, value, name, value. Empty values are left out, as absent labels. */
  readonly labels: string[];
}

export function hasLabel({ labels }: SampleKey, name: string): boolean {
  for (let at = 0; at < labels.length; at += 2) if (labels[at] === name) return true;
  return false;
}

/** Where the name and label part that starts at `page.pos` ends. Leaves `page.pos` where it was. */
export function keyEnd(page: PageScanner, format: Format): number {
  const { bytes } = page;
  let at = page.pos;
  let c = bytes[at] ?? NEWLINE;
  while (c !== OPEN && c !== SPACE && c !== TAB && c !== NEWLINE) c = bytes[++at] ?? NEWLINE;
  const nameEnd = at;
  if (format === 'text') while (c === SPACE || c === TAB) c = bytes[++at] ?? NEWLINE;
  if (c !== OPEN) return nameEnd;
  let quoted = false;
  for (at += 1; ; at++) {
    c = bytes[at] ?? NEWLINE;
    if (c === NEWLINE) throw page.fail(quoted ? 'a quote is not closed' : 'the labels are not closed');
    if (c === QUOTE) quoted = !quoted;
    else if (c === BACKSLASH && quoted) at += bytes[at + 1] === NEWLINE ? 0 : 1;
    else if (c === CLOSE && !quoted) return at + 1;
  }
}

/** Parses the bytes `[page.pos, end)`, which `keyEnd` found, into `key`; `page.pos` ends at `end`. */
export function parseSampleKey(page: PageScanner, end: number, format: Format, key: SampleKey): void {
  key.labels.length = 0;
  key.name = '';
  if (page.byte() !== OPEN) key.name = legacyName(page, true);
  if (format === 'text' && page.pos < end) page.skipBlanks();
  if (page.pos >= end) {
    checkNamed(page, key);
    return;
  }
  page.pos += 1;
  const skip = (): void => {
    if (format === 'text') page.skipBlanks();
  };
  skip();
  while (page.byte() !== CLOSE) {
    parseLabel(page, key, skip);
    skip();
    if (page.byte() === COMMA) {
      page.pos += 1;
      skip();
      if (format === 'openmetrics' && page.byte() === CLOSE) throw page.fail('OpenMetrics allows no comma before }');
    } else if (page.byte() !== CLOSE) throw page.fail('between labels a comma is missing');
  }
  page.pos += 1;
  checkNamed(page, key);
}

function checkNamed(page: PageScanner, key: SampleKey): void {
  if (key.name === '') throw page.fail('the metric has no name');
}

function parseLabel(page: PageScanner, key: SampleKey, skip: () => void): void {
  const isQuoted = page.byte() === QUOTE;
  const name = isQuoted ? quotedText(page) : legacyName(page, false);
  skip();
  if (isQuoted && page.byte() !== EQUALS) {
    if (key.name !== '' || key.labels.length > 0) throw page.fail('a quoted name must stand first, and alone');
    key.name = name;
    return;
  }
  if (page.byte() !== EQUALS) throw page.fail(`after label "${name}" an = is missing`);
  if (name === '' || name === '__name__') throw page.fail(`"${name}" cannot be a label name`);
  page.pos += 1;
  skip();
  const value = quotedText(page);
  const { labels } = key;
  for (let at = 0; at < labels.length; at += 2) {
    if (labels[at] === name) throw page.fail(`label "${name}" is given twice`);
  }
  labels.push(name, value);
}

/** `[a-zA-Z_:][a-zA-Z0-9_:]*`, or without the colon for labels. */
function legacyName(page: PageScanner, isMetric: boolean): string {
  const { bytes } = page;
  const start = page.pos;
  let at = start;
  for (; ; at++) {
    const c = bytes[at] ?? NEWLINE;
    const letter = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c === 0x5f || (c === 0x3a && isMetric);
    if (!letter && (at === start || c < 0x30 || c > 0x39)) break;
  }
  page.pos = at;
  const c = bytes[at] ?? NEWLINE;
  const ended = c === SPACE || c === TAB || c === NEWLINE || (isMetric ? c === OPEN : c === EQUALS);
  if (ended && at > start) return utf8(bytes, start, at);
  throw page.fail(`"${page.latin1(start, at + 1)}" is not how a ${isMetric ? 'metric' : 'label'} name may start`);
}

/** The text between two quotes, with `\\`, `\"` and `\n` resolved; other backslashes stand for themselves. */
export function quotedText(page: PageScanner): string {
  const { bytes } = page;
  if (page.byte() !== QUOTE) throw page.fail('a quote is missing');
  const start = page.pos + 1;
  let at = start;
  let escapes = false;
  let ascii = true;
  for (; ; at++) {
    const c = bytes[at] ?? NEWLINE;
    if (c === QUOTE) break;
    if (c === NEWLINE) throw page.fail('a quote is not closed');
    if (c >= 0x80) ascii = false;
    if (c === BACKSLASH && bytes[at + 1] !== NEWLINE) {
      escapes = true;
      at += 1;
      if ((bytes[at] ?? 0) >= 0x80) ascii = false;
    }
  }
  if (!ascii && !isUtf8(bytes.subarray(start, at))) throw page.fail('a name or label value is not UTF-8');
  page.pos = at + 1;
  const text = utf8(bytes, start, at);
  return escapes ? unescape(text) : text;
}

function unescape(text: string): string {
  return text.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
