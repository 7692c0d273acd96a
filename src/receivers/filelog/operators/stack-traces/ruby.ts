import {
  counted,
  isBlank,
  isDigit,
  isIndented,
  joins,
  joinsTrouble,
  kindOf,
  textStart,
  type Grammar,
} from './grammar.ts';
import { startsRecord } from './ordinary.ts';

/** `file:1:in 'f': message (Class)`; `top` when it happened outside of any method, where no frame follows. */
const header = 1;
const top = 2;
/** `\tfrom file:1:in 'f'`; a header right after is the cause. */
const from = 3;
/** Frames without `from`, as loggers write them. */
const frames = 4;
/** error_highlight: blank line, source, carets. */
const gap = 5;
const source = 6;
const carets = 7;
/** `Class (message):` of Rails. */
const rails = 8;
/** `#<Thread:...> terminated with exception`. */
const thread = 9;
const syntax = 10;

const COLON = 58;
const PLACE = /[ \t]*(?:from )?(?:<internal:[^>]*>|\((?:eval at )[^)]*\)|[^\s:]+):\d+:in [`'][^']*'/y;
const RAILS = /[A-Z][\w:]*(?:Error|Exception|NotFound|Invalid)\w* \(.*\):$/y;
const SYNTAX = /[^\s:]+:\d+: (?:syntax error|--> |.*\(SyntaxError\)$)/y;
const CARETS = /[ \t]*[\^~]/y;

/** Ruby: exceptions with causes, of threads, with highlighted source, syntax errors, and those of `Logger` and Rails. */
export const rubyTraces: Grammar = {
  firsts: ' \t#-./<(_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ',
  lasts: '',
  next,
  open,
};

function next(state: number, line: string): number {
  switch (kindOf(state)) {
    case header:
    case top:
      return afterHeader(state, line);
    case from:
      return line.charCodeAt(0) === 9 ? from : headerState(line);
    case frames:
      return isFrame(line) ? frames : 0;
    case gap:
      return isBlank(line) || startsRecord(line) ? 0 : source;
    case source:
      return matches(CARETS, line) ? carets : 0;
    case carets:
      if (isFrom(line)) return from;
      return line.startsWith('Did you mean?') || line.startsWith('       ') ? carets : 0;
    case rails:
      return isBlank(line) ? rails : isFrame(line) ? frames : 0;
    case thread:
      return headerState(line);
    case syntax:
      return isIndented(line) || line.startsWith('> ') || matches(SYNTAX, line) ? syntax : 0;
    default:
      return 0;
  }
}

function afterHeader(state: number, line: string): number {
  if (isFrom(line)) return from;
  if (isBlank(line)) return gap;
  if (isIndented(line)) return counted(state);
  return kindOf(state) === top || startsRecord(line) || placeEnd(line) > 0 ? 0 : counted(state);
}

/** Index after `file:1:in 'f'`, or 0. */
function placeEnd(line: string): number {
  if (!mayHavePlace(line)) return 0;
  PLACE.lastIndex = 0;
  return PLACE.test(line) ? PLACE.lastIndex : 0;
}

/** Cheap: whether `:12:in` or `:12: ` comes before the first space, or the path is one of those with spaces or colons in it. */
function mayHavePlace(line: string): boolean {
  let at = textStart(line);
  if (at > 0 && line.startsWith('from ', at)) at += 5;
  const first = line.charCodeAt(at);
  if (first === 60 || first === 40) return true;
  while (at < line.length && line.charCodeAt(at) !== COLON && line.charCodeAt(at) !== 32) at++;
  if (!isDigit(line.charCodeAt(at + 1))) return false;
  do at++;
  while (isDigit(line.charCodeAt(at)));
  const next = line.charCodeAt(at + 1);
  return line.charCodeAt(at) === COLON && (next === 105 || next === 32);
}

function isFrame(line: string): boolean {
  const end = placeEnd(line);
  return end > 0 && !line.startsWith(': ', end);
}

function isFrom(line: string): boolean {
  return line.startsWith('from ', 1) && isFrame(line);
}

function headerState(line: string): number {
  const end = isIndented(line) ? 0 : placeEnd(line);
  if (end === 0 || !line.startsWith(': ', end)) return 0;
  return line.startsWith(">'", end - 2) ? top : header;
}

function matches(pattern: RegExp, line: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(line);
}

function open(line: string): number {
  if (line.charCodeAt(0) === 35)
    return line.startsWith('#<Thread:') && line.includes('terminated with exception') ? thread : 0;
  if (mayHavePlace(line)) {
    if (placeEnd(line) > 0) return headerState(line) || joins(isFrom(line) ? from : frames);
    return matches(SYNTAX, line) ? syntax : 0;
  }
  return line.charCodeAt(line.length - 1) === 58 && matches(RAILS, line) ? joinsTrouble(rails) : 0;
}
