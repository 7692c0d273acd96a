import {
  counted,
  isBlank,
  isIndented,
  joins,
  joinsTrouble,
  kindOf,
  onlyJoins,
  textStart,
  type Grammar,
} from './grammar.ts';
import { startsRecord } from './ordinary.ts';

/** Frames, source and carets; `stackGap` is a blank line in there, which loguru writes. */
const stack = 1;
const stackGap = 2;
/** The line with the exception was there; indented lines are more of its message. */
const end = 3;
/** As `end`, with a message known to have lines that are not indented. */
const message = 4;
/** Blank line after the exception (two of loguru), the sentence that links to the next one, blank line after that. */
const endGap = 5;
const chain = 6;
const chainGap = 7;
/** Exception group: every line has a bar or a plus. */
const group = 8;
/** A stack without exception: `stack_info`, or the call stack of a failed logging call. */
const callStack = 9;
/** Said before a traceback: the future of a task, the title of a logging error. */
const preface = 10;
/** faulthandler: between threads, and in the frames of one. */
const fatal = 11;
const fatalStack = 12;

const TRACEBACK = 'Traceback (most recent call last):';
const BAR = 124;
const PLUS = 43;
const COLON = 58;

/** Python: tracebacks of `traceback`, `logging`, `asyncio`, `threading`, `faulthandler`, and of loguru. */
export const pythonTraces: Grammar = { firsts: 'TSF f-hpt', lasts: ':', next, open };

function next(state: number, line: string): number {
  switch (kindOf(state)) {
    case stack:
    case stackGap:
      return inStack(line);
    case end:
    case message:
      return afterException(state, line);
    case endGap:
      if (isBlank(line)) return counted(state);
      return line.startsWith('During handling of the above') || line.startsWith('The above exception was') ? chain : 0;
    case chain:
      return isBlank(line) ? chainGap : 0;
    case chainGap:
      return isBlank(line) ? counted(state) : tracebackStart(line);
    case group:
      return isBlank(line) ? endGap : isGroupLine(line) ? group : 0;
    case callStack:
      return isIndented(line) || line.startsWith('Message: ') || line.startsWith('Arguments: ') ? callStack : 0;
    case preface:
      return tracebackStart(line) || (isPreface(line) ? preface : 0);
    case fatal:
    case fatalStack:
      return inFatal(state, line);
    default:
      return 0;
  }
}

function inStack(line: string): number {
  if (isBlank(line)) return stackGap;
  if (isIndented(line) || line.startsWith('> File "')) return stack;
  if (!isException(line)) return 0;
  return line.includes(' validation error') ? message : end;
}

function afterException(state: number, line: string): number {
  if (isBlank(line)) return endGap;
  if (line.startsWith('  File "')) return 0;
  if (isIndented(line)) return state;
  if (line.startsWith('Call stack:')) return callStack;
  return kindOf(state) === message && !startsRecord(line) ? counted(state) : 0;
}

function inFatal(state: number, line: string): number {
  if (isBlank(line)) return fatal;
  if (line.startsWith('Current thread 0x') || line.startsWith('Thread 0x')) return fatalStack;
  if (kindOf(state) === fatalStack && isIndented(line)) return / line \d+$/.test(line) ? 0 : fatalStack;
  return line.startsWith('Python runtime state: ') || line.startsWith('Extension modules: ') ? fatal : 0;
}

/** `module.Name: message` or `Name`; a name without a small letter is a level. */
function isException(line: string): boolean {
  let hasSmall = false;
  let at = 0;
  for (; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === COLON) break;
    const isSmall = code >= 97 && code <= 122;
    if (!isSmall && !isNamePart(code)) return false;
    hasSmall ||= isSmall;
  }
  return hasSmall && (at + 1 >= line.length || line.charCodeAt(at + 1) === 32);
}

/** Capital letters, digits, `_`, `.`, the `<locals>` of a nested class, and what is not ASCII. */
function isNamePart(code: number): boolean {
  return (
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 46 ||
    code === 60 ||
    code === 62 ||
    code > 127
  );
}

function isGroupLine(line: string): boolean {
  const at = textStart(line);
  const code = line.charCodeAt(at);
  return at >= 2 && (code === BAR || code === PLUS);
}

function tracebackStart(line: string): number {
  if (line.startsWith(TRACEBACK)) return stack;
  return line.startsWith('+ Exception Group Traceback', 2) && isIndented(line) ? group : 0;
}

/** Values of the context that asyncio's exception handler logs, a line each. */
function isPreface(line: string): boolean {
  switch (line.charCodeAt(0)) {
    case 102: // f
      return line.startsWith('future: <');
    case 104: // h
      return line.startsWith('handle: <');
    case 112: // p
      return line.startsWith('protocol: <');
    default:
      return line.startsWith('transport: <');
  }
}

function open(line: string): number {
  switch (line.charCodeAt(0)) {
    case 84: // T
    case 32:
      return openIndented(line) || openEnd(line);
    case 83: // S
      if (line.startsWith('Stack (most recent call last):')) return joins(callStack);
      return openEnd(line);
    case 70: // F
      return line.startsWith('Fatal Python error: ') ? fatal : openEnd(line);
    case 45: // -
      return line.startsWith('--- Logging error ---') ? preface : openEnd(line);
    case 102: // f
    case 104: // h
    case 112: // p
    case 116: // t
      return isPreface(line) ? onlyJoins(preface) : openEnd(line);
    default:
      return openEnd(line);
  }
}

function openIndented(line: string): number {
  const start = tracebackStart(line);
  if (start !== 0) return joinsTrouble(start);
  return line.startsWith('  File "') && line.includes('", line ') ? stack : 0;
}

/** A log line that ends with the title of the traceback. */
function openEnd(line: string): number {
  return line.charCodeAt(line.length - 1) === COLON && line.endsWith(TRACEBACK) ? stack : 0;
}
