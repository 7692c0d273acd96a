import { isLineEnd, isQuote, isSpace, type NameInText } from './names-in-text.ts';
import { closingQuote, quoteAt, type Quote } from './quoted.ts';
import { isTaken } from './placeholders.ts';
import type { Spans } from './spans.ts';

/** `chosen`: by the user, whatever it is. `likely`: it looks like a credential, as long as the value is a text. */
export type SecretKind = 'chosen' | 'likely';

/** What a value may be written in: `Some("x")`, `b'x'`. */
const WRAPPED = /(?:(?:[A-Za-z_][\w.:]{0,20}\(){1,3}|[bru]{1,2}|string\(\d{1,9}\)\s)(?=\\{0,63}["'])/iy;
const LITERAL = /(?:-?\d[\d.eE+-]*|true|false|null)(?=\s{0,8}(?:[,}\]]|$))/my;
/** What says that there is none, or that somebody took it out before. */
const NOTHING =
  /^(?:true|false|null|nil|none|undefined|[[({<]{0,2}(?:\*+|filtered|redacted|masked|hidden|removed|secure|protected)[\])}>]{0,2}|[[\](){}<>|-]+|\$\d{1,2}|\?|%[svdq]|%\(\w+\)s|\$\{[\w.:-]+\})$/i;
const NOTHING_LENGTH = 40;
/** `,`, `;` and an escaped end of a line that do not belong to a word. */
const DELIMITER = /(?:[,;]|\\[nr])(?=\s|$|[\\"')\]}]|[\w.-]{1,40}["']?\s{0,4}[=:])/y;
const NEXT_HEADER = /[,;]\s{0,8}["']?[A-Za-z][\w-]{0,40}["']?\s?:/y;
const SCHEME = /(?:Bearer|Basic|Token)\s{1,8}(?=[^\s=:])/iy;
/** What stands behind a quote that ends the text around it: `{"log":"Enter password: ","n":1}`. */
const BEHIND_TEXT = /,\s?["'{\\]|[}\])](?=[\s,;}\])"'\\]|$)|\s(?=[\w.-]{1,40}[=:])/y;
const HEADER = /(?:authorization|cookie)s?$/i;
const COOKIES = /cookies?$/i;
/** What people make up and write down has more than one word. */
const PHRASE = /(?:passw(?:or)?d|pass|pwd|phrase|secret|pw)$/i;
const ALWAYS_PHRASE = /passphrase$/i;
const LINE_START = /(?:^|[\n\r"'`]|\\[nr])[ \t]{0,40}(?:(?:[-#>*+]|\$|export|set|setx)[ \t]{1,8}){0,2}$/;
/** More than a match of it may have, so that what it begins with is the text. */
const MAX_LINE_START = 64;
/** Another word of a value, and not the next name, an option or a comment. */
const NEXT_WORD = /[ \t]{1,8}(?![\w.-]{1,60}["']?\s{0,4}[=:])[^\s#"'`<>&|,;()[\]{}\\-]/y;
/** What stands before a quote that opens. */
const OPENS = /[\s,:=([{]/;
const NEXT_COOKIE = /;\s{0,4}(?=[\w.-]{1,80}=)/y;
/** `password: must be longer`, `token: not found`: a sentence about it. */
const SENTENCE =
  /(?:must|should|cannot|can|could|is|are|was|were|has|have|had|will|does|did|not|no|expected|required|invalid|missing|incorrect|wrong|expired|unexpected|unknown|failed|too|authentication|account|user|header)\s{1,4}[a-z]+(?![\w=:])/y;

/** Takes out the value of a name that begins at `start` or, behind space, later. Returns the place behind it. */
export function takeValue(text: string, start: number, name: NameInText, kind: SecretKind, spans: Spans): number {
  let at = start;
  while (isSpace(text[at]) || (name.quote !== undefined && isLineEnd(text[at]))) at += 1;
  if (text.charCodeAt(at) > 64) at += lengthAt(WRAPPED, text, at);
  const quote = quoteAt(text, at);
  if (quote !== undefined) {
    const isEnd = name.quote === undefined && lengthAt(BEHIND_TEXT, text, quote.end) > 0;
    return isEnd ? quote.end : takeQuoted(text, quote, spans, kind);
  }
  if (name.quote !== undefined) {
    const end = takeMember(text, at, name.quote, kind, spans);
    return end ?? takeWord(text, at, spans, kind);
  }
  return takeBare(text, start, name, kind, spans);
}

/** A value without quotes, of a name without quotes. */
function takeBare(text: string, start: number, name: NameInText, kind: SecretKind, spans: Spans): number {
  const isColon = text[start - 1] === ':';
  let at = start;
  while (isSpace(text[at])) at += 1;
  if (isColon && at > start && lengthAt(SENTENCE, text, at) > 0) return at;
  if (bracketAt(text, at) > 0) return takeBracketed(text, at, spans, kind);
  if (isColon && HEADER.test(name.text)) return takeHeader(text, at, spans);
  if (PHRASE.test(name.text) && (ALWAYS_PHRASE.test(name.text) || startsLine(text, name.start))) {
    return takeWords(text, at, NEXT_WORD, spans, kind);
  }
  return COOKIES.test(name.text) ? takeWords(text, at, NEXT_COOKIE, spans, kind) : takeWord(text, at, spans, kind);
}

function startsLine(text: string, at: number): boolean {
  const code = text.charCodeAt(at - 1);
  const isPossible = !(code > 32) || code === 34 || code === 39 || code === 96 || code === 110 || code === 114;
  return isPossible && LINE_START.test(text.slice(Math.max(0, at - MAX_LINE_START), at));
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
    const quote = parameterAt(text, at);
    at = quote === undefined ? at + 1 : Math.max(at + 1, behindQuote(text, closingQuote(text, quote)));
  }
  spans.add(start, at);
  return at;
}

/** The quote that opens a parameter: `Digest username="x", realm="y"`. */
function parameterAt(text: string, at: number): Quote | undefined {
  const quote = text[at - 1] === '=' ? quoteAt(text, at) : undefined;
  return quote === undefined || lengthAt(BEHIND_TEXT, text, quote.end) > 0 ? undefined : quote;
}

function endsHeader(text: string, at: number): boolean {
  const character = text[at];
  if (parameterAt(text, at) !== undefined) return false;
  if (character === '\n' || character === '\r') return true;
  if (character === '\\') return /["'nr\\]/.test(text[at + 1] ?? '');
  if (isQuote(character)) return true;
  return (character === ',' || character === ';') && lengthAt(NEXT_HEADER, text, at) > 0;
}

/** What is not quoted, up to a space or what ends it. `Bearer` stays. */
export function takeWord(text: string, from: number, spans: Spans, kind: SecretKind = 'likely'): number {
  const start = from + lengthAt(SCHEME, text, from);
  return takePlain(text, start, endOfWord(text, start), spans, kind);
}

/** Words, as long as `next` leads from one to the next. */
function takeWords(text: string, start: number, next: RegExp, spans: Spans, kind: SecretKind): number {
  let end = endOfWord(text, start);
  for (let gap = lengthAt(next, text, end); gap > 0; gap = lengthAt(next, text, end)) end = endOfWord(text, end + gap);
  return takePlain(text, start, end, spans, kind);
}

function takePlain(text: string, start: number, after: number, spans: Spans, kind: SecretKind): number {
  let end = after;
  while (end > start && text[end - 1] === '\\') end -= 1;
  end = endOfBalanced(text, start, end);
  if (kind === 'chosen' || !isNothing(text, start, end)) spans.add(start, end);
  return after;
}

export function endOfWord(text: string, start: number): number {
  let end = start;
  while (end < text.length && !endsWord(text, end)) end += 1;
  return end;
}

/** `[Bearer x]`, `(a, b)`: all between the brackets, or up to the end of the text around them where nothing closes them. */
function takeBracketed(text: string, at: number, spans: Spans, kind: SecretKind): number {
  const end = endOfBracketed(text, at);
  if (bracketAt(text, end) >= 0) return takePlain(text, at, end, spans, kind);
  const behind = end + 1;
  if (isTaken(text.slice(at, behind)) || isNothing(text, at, behind)) return behind;
  const word = endOfBalanced(text, at, endOfWord(text, behind));
  if (word > behind) return takePlain(text, at, word, spans, kind);
  return takePlain(text, at + 1, end, spans, kind) + 1;
}

/** Where the bracket is that closes this one, or the line or the text around it ends. */
function endOfBracketed(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (isLineEnd(character)) return at;
    if (isQuote(character)) {
      if (!OPENS.test(text[at - 1] ?? '')) return at;
      const quote = quoteAt(text, at);
      if (quote !== undefined) at = Math.max(at, closingQuote(text, quote));
    }
    depth += bracketAt(text, at);
    if (depth === 0) return at;
  }
  return text.length;
}

function endsWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code <= 32 || code === 34 || code === 38 || code === 39 || code === 60 || code === 96) return true;
  return (code === 44 || code === 59 || code === 92) && lengthAt(DELIMITER, text, at) > 0;
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
