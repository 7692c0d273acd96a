import { isTaken, type Placeholder } from './placeholders.ts';

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const LONG = 40;
const MAX_LINES = 200;

/**
 * Takes private keys in PEM out of texts that follow each other: lines, chunks of a file, records of a request. Lines stay lines,
 * with their beginnings and the first and last line of the key, so that what reads lines reads as many.
 *
 * Invariant: `#lines` counts those since a key began that has not ended; undefined outside of one.
 */
export class PrivateKeys {
  #lines: number | undefined;
  #wasLong = false;

  get isOpen(): boolean {
    return this.#lines !== undefined;
  }

  hide(text: string, placeholder: Placeholder): string {
    if (!this.isOpen && !text.includes('PRIVATE KEY')) return text;
    return text
      .split('\n')
      .map((line) => (this.isOpen ? this.#within(line, placeholder) : this.#outside(line, placeholder)))
      .join('\n');
  }

  #outside(line: string, placeholder: Placeholder): string {
    const parts: string[] = [];
    let rest = line;
    for (let begin = BEGIN.exec(rest); begin !== null; begin = BEGIN.exec(rest)) {
      const start = begin.index + begin[0].length;
      const end = END.exec(rest.slice(start));
      parts.push(rest.slice(0, start));
      if (end === null) {
        return parts.join('') + this.#begin(rest.slice(start), placeholder);
      }
      parts.push(taken(rest.slice(start, start + end.index), placeholder), end[0]);
      rest = rest.slice(start + end.index + end[0].length);
    }
    return parts.join('') + rest;
  }

  #within(line: string, placeholder: Placeholder): string {
    const end = END.exec(line);
    if (end !== null) {
      this.#lines = undefined;
      const after = end.index + end[0].length;
      return `${this.#body(line.slice(0, end.index), placeholder)}${end[0]}${this.#outside(line.slice(after), placeholder)}`;
    }
    this.#lines = (this.#lines ?? 0) + 1;
    if (this.#lines > MAX_LINES) this.#lines = undefined;
    return this.#body(line, placeholder);
  }

  /** `rest` of the line on which a key begins: a part of it when it is written on one line, which was cut; or of a sentence. */
  #begin(rest: string, placeholder: Placeholder): string {
    const before = ESCAPED_END.exec(rest)?.[0] ?? '';
    const isKey = before.includes('\\') || /^[A-Za-z0-9+/]{16}/.test(rest.slice(before.length));
    if (isKey || /^[\s"'\\]*$/.test(rest)) this.#lines = 0;
    this.#wasLong = false;
    return isKey ? taken(rest, placeholder) : rest;
  }

  /** What a line ends with, with the escaped ends of lines in it, whatever stands before it. The last one of a key is short, and comes behind a long one. */
  #body(line: string, placeholder: Placeholder): string {
    let end = line.length;
    while (end > 0 && /[\s"'\\]/.test(line[end - 1] ?? '')) end -= 1;
    let start = end;
    while (start > 0 && isBody(line.charCodeAt(start - 1))) start -= 1;
    const isLong = end - start >= LONG;
    const isPart = isLong || this.#wasLong || start === 0;
    this.#wasLong = isLong;
    return isPart ? line.slice(0, start) + taken(line.slice(start, end), placeholder) + line.slice(end) : line;
  }
}

/** Of base64, and a backslash. */
function isBody(code: number): boolean {
  const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
  return isLetter || (code >= 47 && code <= 57) || code === 43 || code === 61 || code === 92;
}

/** Ends of lines, as JSON writes them. */
const ESCAPED_END = /^(?:\\+[nr]|\s)*/;

/** The ends of lines before and behind a key stay. */
function taken(value: string, placeholder: Placeholder): string {
  const start = ESCAPED_END.exec(value)?.[0].length ?? 0;
  let end = value.length;
  for (let isEnd = true; isEnd && end > start;) {
    const before = value[end - 1] ?? '';
    isEnd = /[\s\\]/.test(before) || (/[nr]/.test(before) && value[end - 2] === '\\');
    if (isEnd) end -= 1;
  }
  const body = value.slice(start, end);
  return isTaken(body) ? value : `${value.slice(0, start)}${placeholder(body)}${value.slice(end)}`;
}
