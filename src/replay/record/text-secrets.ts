import { endOfWord, takeQuoted, takeValue, takeWord, type SecretKind } from './assigned-values.ts';
import { attachedOption, secretOf } from './command-lines.ts';
import { isLineEnd, isNamePart, isSpace, nameBefore, wordBefore, type NameInText } from './names-in-text.ts';
import { closingQuote, quoteAt } from './quoted.ts';
import { isTaken } from './placeholders.ts';
import type { Spans } from './spans.ts';

/** What a name says of its value; undefined: nothing. */
export type Judge = (name: string) => SecretKind | undefined;

/**
 * Finds the values of names that name a credential: `name=value`, `"name": "value"` however often it is quoted, `--name value`,
 * `["--name", "value"]`, `<name>value<`, `PASSWORD 'value'`, and passwords in addresses. One pass: each place is looked at, a
 * bounded part before it, and what is taken out is not looked at again, so that the time goes by the length of the text alone.
 */
export function findSecrets(text: string, judge: Judge, spans: Spans): void {
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === COLON && text.startsWith('//', at + 1)) at = address(text, at + 3, spans);
    else if (code === COLON || code === EQUALS) at = assignment(text, at, judge, spans);
    else if (code === PERCENT && /3[ad]/i.test(text.slice(at + 1, at + 3))) at = encoded(text, at, judge, spans);
    else if (code === DASH && !isNamePart(text.charCodeAt(at - 1))) at = option(text, at, judge, spans);
    else if (code === GREATER) at = element(text, at, judge, spans);
    else if (code === QUOTE || code === SINGLE_QUOTE) at = statement(text, at, spans);
    else at += 1;
  }
}

const [QUOTE, PERCENT, SINGLE_QUOTE, DASH, COLON, EQUALS, GREATER] = [34, 37, 39, 45, 58, 61, 62];

/** A token of a grammar. */
const PARSED = /(?:unexpected|unrecognized|illegal|near) token$/i;

function assignment(text: string, separator: number, judge: Judge, spans: Spans): number {
  const name = nameBefore(text, separator);
  if (name === undefined) return separator + 1;
  const kind = judge(name.text);
  if (kind === undefined) return pair(text, separator + 1, name, judge, spans);
  if (name.text.length === 5 && PARSED.test(text.slice(Math.max(0, name.start - 16), name.start + 5)))
    return separator + 1;
  // => and ==
  const isLonger = /[=>]/.test(text[separator + 1] ?? '');
  return takeValue(text, separator + (isLonger ? 2 : 1), name, kind, spans);
}

/** `name%3Dvalue`, in an address that is a parameter of another. */
function encoded(text: string, at: number, judge: Judge, spans: Spans): number {
  const name = wordBefore(text, at);
  const kind = name === undefined ? undefined : judge(name.text);
  return kind === undefined ? at + 3 : takeWord(text, at + 3, spans, kind);
}

const VALUE_OF_PAIR = /(?:\\{0,63}["'])?[\s,;]{1,40}(?:\\{0,63}["'])?value(\\{0,63}["'])?\s{0,8}[:=]/iy;

/** `"name": "password", "value": "x"`, `name="password" value="x"`: of JSON, of XML, of Go. `from` is behind the first separator. */
function pair(text: string, from: number, name: NameInText, judge: Judge, spans: Spans): number {
  if (!/(?:^| )(?:name|key)$/i.test(name.text)) return from;
  let at = from;
  while (at - from < 8 && isSpace(text[at])) at += 1;
  const start = quoteAt(text, at)?.end ?? at;
  const end = endOfName(text, start);
  const kind = end === start ? undefined : judge(text.slice(start, end));
  VALUE_OF_PAIR.lastIndex = end;
  if (kind === undefined || !VALUE_OF_PAIR.test(text)) return from;
  return takeValue(text, VALUE_OF_PAIR.lastIndex, name, kind, spans);
}

function endOfName(text: string, start: number): number {
  let end = start;
  while (end - start < 100 && isNamePart(text.charCodeAt(end))) end += 1;
  return end;
}

/** `\x22name\x22:\x22value\x22`, as nginx writes quotes, and as others do. */
const ENCODED_QUOTES =
  /(\\{1,8}(?:x|u00)22|&quot;|%22)([\w.-]{1,80})(\1(?:\s|%20){0,4}(?:[:=]|%3A|%3D)(?:\s|%20){0,4}\1)((?:(?!\1)[^\n])+)/gi;

/** Finds the values of such names in quotes that are written as something else. */
export function findEncoded(text: string, judge: Judge, spans: Spans): void {
  for (const { index, 0: found, 2: name = '', 4: value = '' } of text.matchAll(ENCODED_QUOTES)) {
    const end = index + found.length;
    if (judge(name) !== undefined) spans.add(end - value.length, end);
  }
}

/** `--name value`, `-name value`, and as elements of a list. `--name=value` is assigned. */
function option(text: string, start: number, judge: Judge, spans: Spans): number {
  let end = start + 1;
  while (end - start < 80 && isNamePart(text.charCodeAt(end))) end += 1;
  if (text[end] === '=' || text[end] === ':') return end;
  const name = text.slice(start, end);
  const kind = isOption(name) ? judge(optionName(name)) : undefined;
  if (kind === undefined) return optionOfProgram(text, start, name, spans);
  const at = startOfArgument(text, end);
  if (at === undefined) return end;
  const quote = quoteAt(text, at);
  return quote === undefined ? takeWord(text, at, spans, kind) : takeQuoted(text, quote, spans, kind);
}

/** Characters before an option that may name the program. */
const MAX_BEFORE = 200;

/** `curl -u user:password`, `mysql -ppassword`. */
function optionOfProgram(text: string, start: number, name: string, spans: Spans): number {
  const before = (): string => text.slice(Math.max(0, start - MAX_BEFORE), start);
  const attached = attachedOption(name, before);
  if (attached !== undefined) return takeWord(text, start + attached, spans);
  const end = start + name.length;
  const secret = secretOf(name, before);
  const at = secret === undefined ? undefined : startOfArgument(text, end);
  if (secret === undefined || at === undefined) return end;
  const quote = quoteAt(text, at);
  const from = quote?.end ?? at;
  const behind = quote === undefined ? endOfWord(text, from) : closingQuote(text, quote);
  const inArgument = secret(text.slice(from, behind));
  if (inArgument !== undefined) spans.add(from + inArgument, behind);
  return behind;
}

/** An argument of a command line that is a name, and not its value. */
export function isOption(argument: string): boolean {
  return /^--?[A-Za-z][\w.-]{0,80}$/.test(argument);
}

export function optionName(argument: string): string {
  return argument.replace(/^--?/, '');
}

/** Behind space, or behind the quote that ends an element, a comma and space; undefined when another option comes. */
function startOfArgument(text: string, end: number): number | undefined {
  const closing = quoteAt(text, end);
  let at = closing?.end ?? end;
  if (closing !== undefined && text[at] === ',') at += 1;
  const from = at;
  while (at - from < 40 && (isSpace(text[at]) || (closing !== undefined && isLineEnd(text[at])))) at += 1;
  if (closing === undefined && at === from) return undefined;
  const value = quoteAt(text, at)?.end ?? at;
  return /[\s-]/.test(text[value] ?? ' ') && text.startsWith('-', value) ? undefined : at;
}

const MAX_TAG = 200;
const TAG = /^<(?:[\w.-]{1,80}:)?([\w.-]{1,80})(?:\s[^<>]*)?$/;
const NAMED = /\s(?:name|key)=\\{0,63}["']([\w.:-]{1,100})\\{0,63}["']/i;

/** `<name>value<`, `<property name="name">value<` of XML. */
function element(text: string, at: number, judge: Judge, spans: Spans): number {
  if (!/[\w"'-]/.test(text[at - 1] ?? '')) return at + 1;
  const near = text.slice(Math.max(0, at - MAX_TAG), at);
  const tag = near.slice(Math.max(0, near.lastIndexOf('<')));
  const names = [TAG.exec(tag)?.[1], NAMED.exec(tag)?.[1]];
  if (/^<input\s/i.test(tag) || !names.some((name) => name !== undefined && judge(name) !== undefined)) return at + 1;
  let end = at + 1;
  while (end < text.length && text[end] !== '<' && text[end] !== '\n') end += 1;
  // Nothing closes it: the text around it may end before the line.
  const quote = text[end] === '<' ? -1 : text.slice(at + 1, end).search(/["']/);
  spans.add(at + 1, quote < 0 ? end : at + 1 + quote);
  return end;
}

const STATEMENT = /(?:passw(?:or)?d|identified\s{1,4}(?:with\s{1,4}\S{1,40}\s{1,4})?(?:by|as))$/i;

/** `PASSWORD 'x'`, `PASSWORD('x')`, `IDENTIFIED BY 'x'` of SQL. */
function statement(text: string, at: number, spans: Spans): number {
  let end = at;
  while (at - end < 8 && text[end - 1] === '\\') end -= 1;
  const open = end;
  while (open - end < 8 && /[\s(]/.test(text[end - 1] ?? '')) end -= 1;
  if (end === open || !/[dys]/i.test(text[end - 1] ?? '') || !STATEMENT.test(text.slice(Math.max(0, end - 80), end))) {
    return at + 1;
  }
  const quote = quoteAt(text, open);
  return quote === undefined ? at + 1 : Math.max(at + 1, takeQuoted(text, quote, spans));
}

const MAX_AUTHORITY = 500;
const MAX_REST = 64;

/** A user without a password that is as long as this is a token. */
const TOKEN_AS_USER = /^[\w.-]{20,}$/;
/** What stands for a password where the user is a token. */
const NO_PASSWORD = /^(?:x-oauth-basic|x)?$/;

/** `user:password@host`, with what a password may not have in an address, but often does. */
function address(text: string, start: number, spans: Spans): number {
  let [end, colon, sign] = [start, -1, -1];
  for (; end < text.length && end - start < MAX_AUTHORITY && !endsAuthority(text, end); end++) {
    if (text[end] === ':' && colon < 0) colon = end;
    else if (text[end] === '@') sign = end;
  }
  if (sign < 0 && colon >= 0 && !/^\d*$/.test(text.slice(colon + 1, end))) sign = signBehind(text, end);
  if (sign < 0) return start;
  const user = colon < 0 || sign < colon ? sign : colon;
  const name = text.slice(start, user);
  const isToken =
    (TOKEN_AS_USER.test(name) || (name !== '' && isTaken(name))) && NO_PASSWORD.test(text.slice(user + 1, sign));
  spans.add(isToken ? start : user + 1, isToken ? user : sign);
  return sign;
}

const UP_TO_SIGN = /^[^\s"'<>\\@]*@/;

/** Of a password with a slash, a question mark or the like in it. */
function signBehind(text: string, start: number): number {
  const found = UP_TO_SIGN.exec(text.slice(start, start + MAX_REST));
  return found === null ? -1 : start + found[0].length - 1;
}

/** Space, a quote, or what begins a path, a query or a fragment. */
function endsAuthority(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (
    code <= 35 || code === 47 || code === 39 || code === 96 || code === 60 || code === 62 || code === 63 || code === 92
  );
}
