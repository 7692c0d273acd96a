import { isDigit } from './grammar.ts';

const SPACE = 32;
const PARENTHESIS = 40;
const DOT = 46;
const DOLLAR = 36;
const BACKSLASH = 92;

/** `:12:3`, `:12:3)`, ` {` or `,` after it: the place of a V8 frame at the end of the line. */
const V8_PLACE = /:\d+:\d+\)*(?: \{|,)?$/;
const V8_NO_PLACE = /\((?:<anonymous>|native|index \d+)\)(?: \{|,)?$/;
/** `(Some.kt:12)` after a method with spaces in its name, `[0x0001a] in <module>:0` and ` in file.cs:line 3` after a method of .NET. */
const OTHER_PLACE = /\([^()\s]+:\d+\)|\) \[0x|\) in [<\S]/;

/**
 * Whether the line, whose text starts with `at ` at `start`, is a frame of the JVM, V8 or .NET, and not a sentence that begins with "at".
 * The method ends at a parenthesis; where it does not, the place at the end of the line decides.
 */
export function isFrameAt(line: string, start: number): boolean {
  let hasDot = false;
  for (let at = start + 3; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === PARENTHESIS) return hasDot || line.startsWith('(wrapper ', at);
    if (code === SPACE) return V8_PLACE.test(line) || V8_NO_PLACE.test(line) || (hasDot && OTHER_PLACE.test(line));
    hasDot ||= code === DOT;
  }
  return line.startsWith('<anonymous>', start + 3) || V8_PLACE.test(line);
}

/** The kinds of names that an exception has, which decide whether a line that begins with one belongs to the record before. */
export const NAME = { none: 0, error: 1, exception: 2 } as const;
export type Name = (typeof NAME)[keyof typeof NAME];

const CLASS_NAME = /(?:Exception|Error|Throwable|Failure)[\w$]*$/;

/**
 * The name of an exception at `start`: `exception` with a package, or ending in `Exception`, as the JVM and .NET have them; `error` for a
 * lone `TypeError`, as V8 has it. After the name the line ends, or a message follows.
 */
export function nameAt(line: string, start: number): Name {
  let dotted = false;
  let segment = start;
  let at = start;
  for (; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === DOT || code === DOLLAR || code === BACKSLASH) {
      dotted = true;
      if (code !== DOLLAR) segment = at + 1;
    } else if (!isNamePart(code)) break;
  }
  if (at - segment < 5 || !endsName(line, at)) return NAME.none;
  const name = line.slice(segment, at);
  if (!CLASS_NAME.test(name)) return NAME.none;
  return dotted || name.endsWith('Exception') ? NAME.exception : NAME.error;
}

function isNamePart(code: number): boolean {
  const letter = code | 32;
  return (letter >= 97 && letter <= 122) || isDigit(code) || code === 95 || code === 96 || code > 127;
}

/** End of line, `: message`, ` ---> Inner`, ` (0x80004005): message`, ` [CODE]: message`, ` {`. */
function endsName(line: string, at: number): boolean {
  if (at === line.length) return true;
  if (line.charCodeAt(at) === 58) return at + 1 === line.length || line.charCodeAt(at + 1) === SPACE;
  if (line.charCodeAt(at) !== SPACE) return false;
  const next = line.charCodeAt(at + 1);
  if (next === PARENTHESIS) return isDigit(line.charCodeAt(at + 2));
  return next === 91 || (next === 123 && at + 2 === line.length) || line.startsWith('---> ', at + 1);
}
