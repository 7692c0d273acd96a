import { isBlank, isDigit, isIndented, joins, kindOf, onlyJoins, type Grammar } from './grammar.ts';
import { startsRecord } from './ordinary.ts';

/** After `panic: `, `fatal error: ` or a signal. */
const panic = 1;
/** What the runtime says before a fatal error. */
const runtime = 2;
/** Blank line that a goroutine should follow. */
const gap = 3;
const frames = 4;
/** A function; the line with its place is next. */
const call = 5;
/** Registers after a fatal signal. */
const registers = 6;
/** The bar over the report of a data race, and the report. */
const raceBar = 7;
const race = 8;
const end = 9;
/** The outermost frame of a stack without arguments, and its place: pkg/errors goes on with the text that wraps the error. */
const outermost = 10;
const outermostPlace = 11;

const TAB = 9;
const PARENTHESIS = 40;
const CLOSING = 41;
const DOT = 46;
const SLASH = 47;
const RACE_BAR = '==================';
const GOROUTINE = /goroutine \d+ [^[]*\[/y;
const REGISTER = /[a-z][a-z0-9]{1,5} +0x[0-9a-f]+$/y;
const RACE_LINE = /(?:Write|Read|Previous|Atomic|Goroutine|Mutex|WARNING: DATA RACE)/y;
const OWN_PACKAGES = /^(?:main|runtime|testing)\./;

/** Go: panics, fatal errors, signals, stacks of goroutines, reports of data races, stacks of zap and pkg/errors. */
export const goTraces: Grammar = {
  firsts: '=SWabcdefghijklmnopqrstuvwxyz',
  lasts: '',
  next,
  open,
};

function next(state: number, line: string): number {
  switch (kindOf(state)) {
    case runtime:
      if (line.startsWith('fatal error: ') || line.startsWith('runtime: ')) return runtime;
      return inPanic(line);
    case panic:
      return inPanic(line);
    case gap:
      return isBlank(line) ? gap : afterGap(line);
    case frames:
      return inFrames(line);
    case call:
      return isIndented(line) ? frames : 0;
    case outermost:
      return isIndented(line) ? outermostPlace : 0;
    case outermostPlace:
      return inFrames(line) || (startsRecord(line) ? 0 : frames);
    case registers:
      return matches(REGISTER, line) ? registers : line.startsWith('exit status ') ? end : 0;
    case raceBar:
      return line.startsWith('WARNING: DATA RACE') ? race : 0;
    case race:
      return inRace(line);
    default:
      return 0;
  }
}

function inPanic(line: string): number {
  if (isBlank(line)) return gap;
  if (line.charCodeAt(0) === TAB || line.startsWith('[signal ') || line.startsWith('PC=0x')) return panic;
  return afterGap(line);
}

function afterGap(line: string): number {
  if (isGoroutine(line) || line.startsWith('runtime stack:')) return frames;
  if (line.startsWith('exit status ')) return end;
  return matches(REGISTER, line) ? registers : 0;
}

function inFrames(line: string): number {
  if (isBlank(line)) return gap;
  if (line === 'runtime.goexit') return outermost;
  if (line.startsWith('created by ') || isCall(line) || isBareCall(line)) return call;
  if (isIndented(line) || isElided(line) || line.startsWith('goroutine running on other thread')) return frames;
  return line.startsWith('exit status ') ? end : 0;
}

function isElided(line: string): boolean {
  return line.startsWith('...') && line.endsWith('frames elided...');
}

function inRace(line: string): number {
  if (line.startsWith(RACE_BAR)) return end;
  return isBlank(line) || isIndented(line) || matches(RACE_LINE, line) ? race : 0;
}

/** `path/package.(*Type).Function(0x1, ...)` or `panic(...)`: no space before the first parenthesis, and the line ends with one. */
function isCall(line: string): boolean {
  if (line.charCodeAt(line.length - 1) !== CLOSING) return false;
  let hasDot = line.startsWith('panic(');
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === PARENTHESIS) return hasDot && at > 0;
    if (code <= 32 || code === 58) return false;
    hasDot ||= code === DOT;
  }
  return false;
}

function isGoroutine(line: string): boolean {
  return matches(GOROUTINE, line);
}

function matches(pattern: RegExp, line: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(line);
}

function open(line: string): number {
  switch (line.charCodeAt(0)) {
    case 112: // p
      if (line.startsWith('panic: ')) return panic;
      break;
    case 102: // f
      if (line.startsWith('fatal error: ')) return panic;
      break;
    case 114: // r
      if (line.startsWith('runtime: ')) return runtime;
      break;
    case 117: // u
      if (line.startsWith('unexpected fault address ')) return runtime;
      break;
    case 83: // S
      return line.startsWith('SIG') && /^SIG[A-Z]+: /.test(line) ? panic : 0;
    case 103: // g
      if (line.startsWith('goroutine ') && isGoroutine(line)) return joins(frames);
      break;
    case 87: // W
      return line.startsWith('WARNING: DATA RACE') ? joins(race) : 0;
    case 61: // =
      return line === RACE_BAR ? raceBar : 0;
  }
  return isBareStart(line) ? onlyJoins(call) : 0;
}

/** A function without its arguments, as zap and pkg/errors write it: of package main, or with the path of its package. */
function isBareCall(line: string): boolean {
  let slash = 0;
  let dot = 0;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === SLASH) {
      slash = at;
      dot = 0;
    } else if (code === DOT) dot = at;
    else if (!isBarePart(code)) return false;
  }
  return dot > 0 && (slash > 0 || OWN_PACKAGES.test(line));
}

/** Letters, digits, `_`, and what paths, escapes, receivers and type parameters need besides: `-~%()*[]`. */
function isBarePart(code: number): boolean {
  const letter = code | 32;
  if ((letter >= 97 && letter <= 122) || isDigit(code) || code === 95 || code > 127) return true;
  return code === 45 || code === 126 || code === 37 || (code >= 40 && code <= 42) || code === 91 || code === 93;
}

/** First function of a stack without arguments; stricter than inside of one, as a lone word with a dot may be anything. */
function isBareStart(line: string): boolean {
  if (!isBareCall(line)) return false;
  const name = line.slice(line.lastIndexOf('/') + 1);
  return name.startsWith('main.') ? name !== 'main.go' : /\.(?:\(|[A-Z]\w*(?:\.|$))/.test(name);
}
