import { isLineEnd, isQuote, isSpace, type NameInText } from './names-in-text.ts';
import { closingQuote, quoteAt, type Quote } from './quoted.ts';
import type { Spans } from './spans.ts';

/** `chosen`: by the user, whatever it is. `likely`: it looks like a credential, as long as the value is a text. */
export type SecretKind = 'chosen' | 'likely';

/** What a value may be written in: `Some("x")`, `b'x'`. */
const WRAPPED = /(?:(?:[A-Za-z_][\w.:]{0,20}\(){1,3}|[bru]{1,2})(?=\\{0,63}["'])/iy;
const LITERAL = /(?:-?\d[\d.eE+-]*|true|false|null)(?=\s{0,8}(?:[,}\]]|$))/my;
/** What says that there is none, or that somebody took it out before. */
const NOTHING = /^(?:true|false|null|nil|none|undefined|\*+|[[\](){}<>|-]+)$/i;
const NOTHING_LENGTH = 16;
/** `,` and `;` that do not belong to a word. */
const DELIMITER = /[,;](?=\s|$|[\\"')\]}]|[\w.-]{1,40}["']?\s{0,4}[=:])/y;
const NEXT_HEADER = /[,;]\s{0,8}["']?[A-Za-z][\w-]{0,40}["']?\s?:/y;
const SCHEME = /(?:Bearer|Basic|Token)\s{1,8}(?=[^\s=:])/iy;
const HEADER = /(?:authorization|cookie)$/i;

/** Takes out the value of a name that begins at `start` or, behind space, later. Returns the place behind it. */
export function takeValue(text: string, start: number, name: NameInText, kind: SecretKind, spans: Spans): number {
  let at = start;
  while (isSpace(text[at]) || (name.quote !== undefined && isLineEnd(text[at]))) at += 1;
  if (text.charCodeAt(at) > 64) at += lengthAt(WRAPPED, text, at);
  const quote = quoteAt(text, at);
  if (quote !== undefined) return takeQuoted(text, quote, spans, kind);
  if (name.quote !== undefined) {
    const end = takeMember(text, at, name.quote, kind, spans);
    if (end !== undefined) return end;
  } else if (text[start - 1] === ':' && HEADER.test(name.text)) return takeHeader(text, at, spans);
  return takeWord(text, at, spans, kind);
}

/** A quoted text goes whole, and its quotes stay. */
export function takeQuoted(text: string, quote: Quote, spans: Spans, kind: SecretKind = 'likely'): number {
  const end = closingQuote(text, quote);
  if (kind === 'chosen' || !isNothing(text, quote.end, end)) spans.add(quote.end, end);
  return behindQuote(text, end);
}

function behindQuote(text: string, end: number): number {
  return quoteAt(text, end)?.end ?? end;
}

/** A value of JSON that is no text; undefined when it is none. */
function takeMember(text: string, at: number, quote: Quote, kind: SecretKind, spans: Spans): number | undefined {
  const literal = lengthAt(LITERAL, text, at);
  const isOpen = text[at] === '{' || text[at] === '[';
  if (literal === 0 && !isOpen) return undefined;
  const inner = kind === 'chosen' ? undefined : spans;
  const end = isOpen ? endOfContainer(text, at, inner) : at + literal;
  if (kind === 'chosen') spans.add(at, end, text.slice(quote.start, quote.end));
  return end;
}

/** Behind the bracket that closes this one. Texts between them are taken out, names stay. */
function endOfContainer(text: string, start: number, spans: Spans | undefined): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (character === '"' || character === "'" || character === '\\') {
      const quote = quoteAt(text, at);
      if (quote === undefined) continue;
      const end = closingQuote(text, quote);
      const after = behindQuote(text, end);
      if (!isName(text, after)) spans?.add(quote.end, end);
      at = after - 1;
    }
  }
  return text.length;
}

function isName(text: string, start: number): boolean {
  let at = start;
  while (at - start < 8 && isSpace(text[at])) at += 1;
  return text[at] === ':';
}

/** `Bearer x` alone, or all up to the end of the line, of the text around it, or the next header. */
function takeHeader(text: string, start: number, spans: Spans): number {
  if (lengthAt(SCHEME, text, start) > 0) return takeWord(text, start, spans);
  let at = start;
  while (at < text.length && !endsHeader(text, at)) {
    // Digest username="x", realm="y"
    const isParameter = isQuote(text[at]) && text[at - 1] === '=';
    const quote = isParameter ? quoteAt(text, at) : undefined;
    at = quote === undefined ? at + 1 : Math.max(at + 1, behindQuote(text, closingQuote(text, quote)));
  }
  spans.add(start, at);
  return at;
}

function endsHeader(text: string, at: number): boolean {
  const character = text[at];
  if (character === '\n' || character === '\r') return true;
  if (character === '\\') return /["'nr\\]/.test(text[at + 1] ?? '');
  if (isQuote(character)) return text[at - 1] !== '=';
  return (character === ',' || character === ';') && lengthAt(NEXT_HEADER, text, at) > 0;
}

/** What is not quoted, up to a space or what ends it. `Bearer` stays. */
export function takeWord(text: string, from: number, spans: Spans, kind: SecretKind = 'likely'): number {
  const start = from + lengthAt(SCHEME, text, from);
  let end = start;
  while (end < text.length && !endsWord(text, end)) end += 1;
  const after = end;
  while (end > start && text[end - 1] === '\\') end -= 1;
  end = endOfBalanced(text, start, end);
  if (kind === 'chosen' || !isNothing(text, start, end)) spans.add(start, end);
  return after;
}

function endsWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code <= 32 || code === 34 || code === 38 || code === 39 || code === 60 || code === 96) return true;
  return (code === 44 || code === 59) && lengthAt(DELIMITER, text, at) > 0;
}

/** Without brackets at the end that close what was opened before. */
function endOfBalanced(text: string, start: number, behind: number): number {
  let [end, excess] = [behind, 0];
  for (let at = start; at < behind; at++) excess += bracketAt(text, at);
  for (; end > start && excess < 0 && bracketAt(text, end - 1) < 0; end--) excess += 1;
  return end;
}

/** 1 for one that opens, -1 for one that closes. */
function bracketAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 40 || code === 91 || code === 123) return 1;
  return code === 41 || code === 93 || code === 125 ? -1 : 0;
}

function isNothing(text: string, start: number, end: number): boolean {
  return end - start <= NOTHING_LENGTH && NOTHING.test(text.slice(start, end));
}

/** Characters that the sticky pattern matches here. */
function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}
