import { Rfc3339 } from './rfc3339.ts';

/**
 * The start of a line as container runtimes of Kubernetes write it, read in place.
 *
 *   2016-10-06T00:17:09.669794202Z stdout F The content of the log entry
 *   RFC 3339 time                  stream tags: P, goes on in the next line of the stream; F, ends. More follow after ":".
 *
 * Source: Kubernetes, design proposals, "CRI: Log management for container stdout/stderr streams".
 */
export class CriHeader {
  readonly time = new Rfc3339();
  stream: 'stdout' | 'stderr' = 'stdout';
  tagStart = 0;
  tagEnd = 0;
  isPartial = false;
  bodyStart = 0;

  /** False when the line does not start like that; the fields are then undefined. */
  parse(source: Buffer, start: number, end: number): boolean {
    let at = this.time.parse(source, start, end);
    if (at === -1 || source[at] !== SPACE) return false;
    at = this.#stream(source, at + 1, end);
    if (at === -1) return false;
    this.tagStart = at;
    while (at < end && source[at] !== SPACE) at++;
    this.tagEnd = at;
    const isShort = at === this.tagStart + 1 || source[this.tagStart + 1] === COLON;
    this.isPartial = isShort && source[this.tagStart] === LETTER_P;
    this.bodyStart = Math.min(end, at + 1);
    return at > this.tagStart;
  }

  /** `stdout ` or `stderr `; returns where the next word begins, or -1. */
  #stream(source: Buffer, at: number, end: number): number {
    if (at + 7 > end || source[at + 6] !== SPACE) return -1;
    if (isWord(source, at, STDOUT)) this.stream = 'stdout';
    else if (isWord(source, at, STDERR)) this.stream = 'stderr';
    else return -1;
    return at + 7;
  }
}

const SPACE = 0x20;
const COLON = 0x3a;
const LETTER_P = 0x50;
const STDOUT = Buffer.from('stdout');
const STDERR = Buffer.from('stderr');

function isWord(source: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (source[at + i] !== word[i]) return false;
  return true;
}
