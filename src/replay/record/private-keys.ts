import { isTaken, type Placeholder } from './placeholders.ts';

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const MAX_LINES = 200;

/**
 * Takes private keys in PEM out of texts that follow each other: lines, chunks of a file, records of a request. Lines stay lines,
 * with their beginnings and the first and last line of the key, so that what reads lines reads as many.
 *
 * Invariant: `#lines` counts those since a key began that has not ended; undefined outside of one.
 */
export class PrivateKeys {
  #lines: number | undefined;
  /** Where the part on the line before began; below 0 when it had none that was long. */
  #column = -1;

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
      return `${this.#body(line.slice(0, end.index), placeholder, PART_AT_END)}${end[0]}${this.#outside(line.slice(after), placeholder)}`;
    }
    this.#lines = (this.#lines ?? 0) + 1;
    if (this.#lines > MAX_LINES) this.#lines = undefined;
    return this.#body(line, placeholder);
  }

  /** `rest` of the line on which a key begins: a part of it when it is written on one line, which was cut; or of a sentence. */
  #begin(rest: string, placeholder: Placeholder): string {
    const before = ESCAPED_END.exec(rest)?.[0] ?? '';
    const isKey = /^(?:[A-Za-z0-9+/]{16}|Proc-Type:)/.test(rest.slice(before.length));
    if (isKey || before.includes('\\') || /^[\s"'\\]*$/.test(rest)) this.#lines = 0;
    this.#column = -1;
    if (!isKey) return rest;
    const end = UP_TO_QUOTE.exec(rest)?.[0].length ?? 0;
    return taken(rest.slice(0, end), placeholder) + rest.slice(end);
  }

  /** What is long on a line, whatever stands around it. The last part of a key is short, and stands where the one before it began, or at the end. */
  #body(line: string, placeholder: Placeholder, lastPart = LAST_PART): string {
    const before = this.#column;
    this.#column = line.search(LONG_PART);
    if (this.#column >= 0) return line.replaceAll(LONG_PART, (part) => taken(part, placeholder));
    const last = before < 0 ? WHOLE_PART.exec(line) : (partAt(line, before) ?? lastPart.exec(line));
    if (last === null) return line;
    const end = last.index + last[0].length;
    return line.slice(0, last.index) + taken(last[0], placeholder) + line.slice(end);
  }
}

const UP_TO_QUOTE = /^[^"'`]*/;
const LONG_PART = /[A-Za-z0-9+/=\\]{40,}/g;
const WHOLE_PART = /^[A-Za-z0-9+/=\\]+(?=[\s"'\\]*$)/;
const LAST_PART = /[A-Za-z0-9+/=\\]+(?=[\s"']*$)/;
const PART_AT_END = /[A-Za-z0-9+/=\\]+$/;
const PART = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]+/y;

function partAt(line: string, start: number): RegExpExecArray | null {
  PART.lastIndex = start;
  return PART.exec(line);
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
