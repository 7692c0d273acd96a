import { ESCAPED } from '../escapes.ts';
import { refusal } from './syntax.ts';

const PLAIN: Readonly<Record<string, string>> = { ...ESCAPED, '\\': '\\', '"': '"', "'": "'" };
const CODE = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})/y;

/** The text that starts with the quote at `at`, and where it ends. Between backticks there are no escapes. */
export function parseString(source: string, at: number): { readonly value: string; readonly end: number } {
  const quote = source[at] ?? '';
  if (quote === '`') {
    const end = source.indexOf('`', at + 1);
    if (end < 0) throw refusal(at, 'the text is not closed; a ` is missing');
    return { value: source.slice(at + 1, end), end: end + 1 };
  }
  let value = '';
  for (let next = at + 1; next < source.length; next++) {
    const char = source[next] ?? '';
    if (char === quote) return { value, end: next + 1 };
    if (char === '\n') break;
    if (char !== '\\') {
      value += char;
      continue;
    }
    const escape = parseEscape(source, next);
    value += escape.value;
    next += escape.length - 1;
  }
  throw refusal(at, `the text is not closed; a ${quote} is missing`);
}

function parseEscape(source: string, at: number): { readonly value: string; readonly length: number } {
  const letter = source[at + 1] ?? '';
  const plain = Object.hasOwn(PLAIN, letter) ? PLAIN[letter] : undefined;
  if (plain !== undefined) return { value: plain, length: 2 };
  CODE.lastIndex = at + 1;
  const code = CODE.exec(source);
  if (code === null) {
    const advice = `write \\\\${letter} for a backslash, or put the text between backticks`;
    throw refusal(at, `\\${letter} is not an escape; ${advice}`);
  }
  const octal = code[4];
  const point = octal === undefined ? parseInt(code[0].slice(1), 16) : parseInt(octal, 8);
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw refusal(at, `\\${code[0]} is not a character`);
  return { value: String.fromCodePoint(point), length: code[0].length + 1 };
}
