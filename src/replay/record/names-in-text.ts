import { quoteAt, type Quote } from './quoted.ts';

/** A name and what stands around it: `"name"`, `\"name\"`, `name`. */
export interface NameInText {
  readonly text: string;
  readonly start: number;
  /** The quote before it. */
  readonly quote: Quote | undefined;
}

const MAX_NAME = 100;
const MAX_SPACE = 8;

/** The name that something is assigned to here, by `=`, `:` or `=>`. */
export function nameBefore(text: string, separator: number): NameInText | undefined {
  let end = separator;
  while (end > 0 && separator - end < MAX_SPACE && isSpace(text[end - 1])) end -= 1;
  // headers['x'] = ..., Key (x)=(...)
  if (text[end - 1] === ']' || text[end - 1] === ')') end -= 1;
  return isQuote(text[end - 1]) ? quotedBefore(text, end - 1) : wordBefore(text, end);
}

function quotedBefore(text: string, closing: number): NameInText | undefined {
  let end = closing;
  while (text[end - 1] === '\\') end -= 1;
  let start = end;
  while (end - start < MAX_NAME && start > 0 && !isEdge(text[start - 1])) start -= 1;
  if (start === end || text[start - 1] !== text[closing]) return undefined;
  let quote = start - 1;
  while (closing - end > start - 1 - quote && text[quote - 1] === '\\') quote -= 1;
  return { text: text.slice(start, end), start: quote, quote: quoteAt(text, quote) };
}

/** `api key` and `session id` are names, too. */
const SECOND_WORD = /^(?:key|id)$/i;

export function wordBefore(text: string, end: number): NameInText | undefined {
  let start = startOfWord(text, end);
  if (start === end) return undefined;
  if (text[start - 1] === ' ' && SECOND_WORD.test(text.slice(start, end))) start = startOfWord(text, start - 1);
  return { text: text.slice(start, end), start, quote: undefined };
}

function startOfWord(text: string, end: number): number {
  let start = end;
  while (start > 0 && end - start < MAX_NAME && isNamePart(text.charCodeAt(start - 1))) start -= 1;
  // What is escaped before it, such as the end of a line.
  return text[start - 1] === '\\' && start < end && /[nrt]/.test(text[start] ?? '') ? start + 1 : start;
}

/** Letters, digits, `_`, `.`, `-`. */
export function isNamePart(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 45 && code <= 57 && code !== 47) ||
    code === 95
  );
}

export function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

export function isLineEnd(character: string | undefined): boolean {
  return character === '\n' || character === '\r';
}

export function isQuote(character: string | undefined): boolean {
  return character === '"' || character === "'" || character === '`';
}

function isEdge(character: string | undefined): boolean {
  return isQuote(character) || character === '\\' || character === '\n';
}
