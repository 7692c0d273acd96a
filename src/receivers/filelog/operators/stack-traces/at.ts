import { counted, isBlank, isDigit, isIndented, joins, joinsHigh, kindOf, textStart, type Grammar } from './grammar.ts';
import { isFrameAt, NAME, nameAt } from './frame.ts';
import { startsRecord } from './ordinary.ts';

/** Which of the three runtimes that write `at` before a frame may be there. */
export interface AtRuntimes {
  readonly java: boolean;
  readonly node: boolean;
  readonly dotnet: boolean;
}

/** A header; `open` when lines of its message may follow, `shut` when only frames may. */
const openHeader = 1;
const shutHeader = 2;
const frames = 3;
/** Node: ` { code: 'X'` up to `}`, what follows it. */
const properties = 4;
const afterProperties = 5;
/** Node, uncaught: after `file:1` the source line, the carets, then what was thrown; a blank line and `Node.js v1` at the end. */
const place = 6;
const source = 7;
const thrown = 8;
const gap = 9;
/** .NET: `<---` closes an inner exception, a blank line follows. */
const innerEnd = 10;
/** .NET: `Unhandled Exception:` with the exception on the next line. */
const unhandled = 11;
/** .NET: `fail: Category[0]`, everything below is indented by six. */
const consoleEntry = 12;
/** java.util.logging: date and source, then level and message. */
const julHead = 13;
const julMessage = 14;
/** Node: `(node:1) Warning`. */
const warning = 15;
const end = 16;
/** Flag on a kind: the process dies of it. */
const UNCAUGHT = 32;

const PLACE = /(?:\/|file:\/\/|node:|[A-Z]:\\)\S*:\d+$/y;
const CARETS = /[ \t]*[\^~]/y;
const ERROR_IN_BRACKETS = /\[\w*(?:Error|Exception)\b.*\] \{$/;
const CONSOLE_ENTRY = /(?:trce|dbug|info|warn|fail|crit): \S+\[-?\d+\]$/y;
const JUL_HEAD = /[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d\d:\d\d.[AP]M /y;
const JUL_LEVEL = /(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /y;
const OMITTED = /\.\.\. (?:\d+|suppressed) /y;
const LOCK = /- (?:locked|waiting|parking|eliminated|None)/y;

/** The JVM, V8 and .NET, which share the shape of a frame; one grammar, so that one preset does not take another's trace apart. */
export function atTraces(runtimes: AtRuntimes): Grammar {
  const letters = '_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  return {
    firsts: ` \t[/(${letters}`,
    lasts: runtimes.node ? '{' : '',
    next,
    open: (line) => open(runtimes, line),
  };
}

function next(state: number, line: string): number {
  const uncaught = state & UNCAUGHT;
  switch (kindOf(state) & ~UNCAUGHT) {
    case openHeader:
      return goesOn(line, uncaught) || inMessage(state, line);
    case shutHeader:
      return goesOn(line, uncaught) || (line.startsWith('Require stack:') || line.startsWith('- ') ? state : 0);
    case frames:
      return goesOn(line, uncaught) || afterTrace(line, uncaught);
    case properties:
      if (line.charCodeAt(0) === 125) return afterProperties | uncaught;
      return isIndented(line) || isBlank(line) ? state : 0;
    case afterProperties:
      return afterTrace(line, uncaught);
    case place:
      return isBlank(line) || !startsRecord(line) ? source | UNCAUGHT : 0;
    case source:
      return isBlank(line) || matches(CARETS, line) ? thrown | UNCAUGHT : 0;
    case thrown:
      return inThrown(state, line);
    case gap:
      return line.startsWith('Node.js v') ? end : line.startsWith('(Use `node ') ? gap | UNCAUGHT : 0;
    case innerEnd:
      return isBlank(line) ? innerEnd : goesOn(line, uncaught);
    case unhandled:
      return nameAt(line, 0) === NAME.none ? 0 : openHeader;
    case consoleEntry:
      return line.startsWith('      ') ? consoleEntry : 0;
    case julHead:
      return matches(JUL_LEVEL, line) ? julMessage : 0;
    case julMessage:
      return goesOn(line, uncaught) || (nameAt(line, 0) === NAME.none ? 0 : openHeader);
    case warning:
      return line.startsWith('(Use `node ') ? end : goesOn(line, uncaught);
    default:
      return 0;
  }
}

/** Frames and what stands between them, in every runtime. */
function goesOn(line: string, uncaught: number): number {
  const start = textStart(line);
  switch (line.charCodeAt(start)) {
    case 97: // a
      return start > 0 && line.startsWith('at ', start) ? afterFrame(line) | uncaught : 0;
    case 46: // .
      return start > 0 && matches(OMITTED, line, start) ? tail(line) | uncaught : 0;
    case 67: // C
      return line.startsWith('Caused by: ', start) ? openHeader | uncaught : 0;
    case 83: // S
      return start > 0 && line.startsWith('Suppressed: ', start) ? openHeader | uncaught : 0;
    case 87: // W
      return line.startsWith('Wrapped by: ', start) ? openHeader | uncaught : 0;
    case 45: // -
      if (line.startsWith('---> ', start)) return openHeader | uncaught;
      return line.startsWith('--- End of', start) || (start > 0 && matches(LOCK, line, start)) ? frames | uncaught : 0;
    case 91: // [
      if (line.startsWith('[CIRCULAR REFERENCE', start)) return frames | uncaught;
      return line.startsWith('[ERROR] FATAL UNHANDLED EXCEPTION: ') ? openHeader | uncaught : 0;
    default:
      return 0;
  }
}

function afterFrame(line: string): number {
  return line.charCodeAt(line.length - 1) === 45 && line.endsWith('<---') ? innerEnd : tail(line);
}

function tail(line: string): number {
  return line.charCodeAt(line.length - 1) === 123 && line.endsWith(' {') ? properties : frames;
}

function afterTrace(line: string, uncaught: number): number {
  return uncaught !== 0 && isBlank(line) ? gap | UNCAUGHT : 0;
}

/** A message may have any lines, blank ones too, as frames are still to come; the start of a record or of another exception ends it. */
function inMessage(state: number, line: string): number {
  if ((state & UNCAUGHT) !== 0 && line.startsWith('Node.js v')) return end;
  return startsRecord(line) || nameAt(line, 0) === NAME.exception ? 0 : counted(state);
}

/** Anything can be thrown, an object too, so the line after the carets belongs to it unless it has a time or a level. */
function inThrown(state: number, line: string): number {
  if (isBlank(line)) return counted(state);
  if (line === '{' || line.endsWith(' {')) return properties | UNCAUGHT;
  const first = line.charCodeAt(0);
  const isValue = first === 123 || (first === 91 && !isDigit(line.charCodeAt(1)));
  return !isValue && startsRecord(line) ? 0 : openHeader | UNCAUGHT;
}

function matches(pattern: RegExp, line: string, at = 0): boolean {
  pattern.lastIndex = at;
  return pattern.test(line);
}

function open(runtimes: AtRuntimes, line: string): number {
  if (isIndented(line)) return openIndented(line);
  const fixed = openFixed(runtimes, line);
  if (fixed !== 0) return fixed;
  const name = nameAt(line, 0);
  if (name === NAME.none) return runtimes.node && line.endsWith('] {') && ERROR_IN_BRACKETS.test(line) ? properties : 0;
  const header = headerState(line, name);
  const isLogged = name === NAME.exception && (runtimes.java || runtimes.dotnet);
  return isLogged ? joins(header) : joinsHigh(header);
}

/** A frame right after a log line, and the second line of a thread in a dump. */
function openIndented(line: string): number {
  const start = textStart(line);
  if (line.startsWith('at ', start)) return isFrameAt(line, start) ? joins(afterFrame(line)) : 0;
  return line.startsWith('java.lang.Thread.State: ', start) ? joins(frames) : 0;
}

/** A lone `Error: message` may be a sentence, so that its message goes on only where it says so. */
function headerState(line: string, name: number): number {
  if (line.endsWith(' {')) return properties;
  return name === NAME.exception || line.endsWith(':') || line.startsWith('AssertionError') ? openHeader : shutHeader;
}

/** First lines that cannot be anything else. */
function openFixed(runtimes: AtRuntimes, line: string): number {
  switch (line.charCodeAt(0)) {
    case 67: // C
      return line.startsWith('Caused by: ') && nameAt(line, 11) !== NAME.none
        ? joins(openHeader)
        : openDotted(runtimes, line);
    case 69: // E
      return line.startsWith('Exception in thread "') ? openHeader : openDotted(runtimes, line);
    case 85: // U
      if (line.startsWith('Unhandled exception. ')) return openHeader;
      if (!line.startsWith('Unhandled Exception:')) return 0;
      return line.length < 22 ? unhandled : openHeader;
    case 91: // [
      return line.startsWith('[ERROR] FATAL UNHANDLED EXCEPTION: ') ? openHeader : 0;
    case 40: // (
      return line.startsWith('(node:') ? warning : 0;
    default:
      return openDotted(runtimes, line);
  }
}

function openDotted(runtimes: AtRuntimes, line: string): number {
  if (runtimes.node && mayBePlace(line) && matches(PLACE, line)) return place | UNCAUGHT;
  if (runtimes.java && line.charCodeAt(3) === 32 && matches(JUL_HEAD, line)) return julHead;
  return runtimes.dotnet && line.charCodeAt(4) === 58 && matches(CONSOLE_ENTRY, line) ? consoleEntry : 0;
}

function mayBePlace(line: string): boolean {
  return isDigit(line.charCodeAt(line.length - 1));
}
