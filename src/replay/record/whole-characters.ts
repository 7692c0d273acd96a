import type { FileOperation } from '../input.ts';
import { wideEncodingOf } from './plain-bytes.ts';

/**
 * Reads of a file that end within a character of UTF-8, or a unit of UTF-16: its first bytes wait for the rest, so that a text stays one. A file
 * is read again where it grew, and then the rest is there.
 *
 * Invariant: what waits for a path is one to three bytes, the start of one character.
 */
export class WholeCharacters {
  readonly #waiting = new Map<string, Uint8Array>();

  /** The operation without the start of a character at its end, and with one that waited at its start. */
  whole(path: string, operation: FileOperation): FileOperation[] {
    const before = this.#waiting.get(path);
    this.#waiting.delete(path);
    if (operation.op !== 'append') {
      return before === undefined ? [operation] : [{ op: 'append', content: before }, operation];
    }
    const content = before === undefined ? operation.content : Buffer.concat([before, operation.content]);
    const end = content.length - cutBytes(content);
    if (end < content.length) this.#waiting.set(path, new Uint8Array(content.subarray(end)));
    return end === 0 ? [] : [{ op: 'append', content: content.subarray(0, end) }];
  }

  /** What still waits. */
  rest(): (readonly [path: string, operation: FileOperation])[] {
    const list = Array.from(this.#waiting, ([path, content]) => [path, { op: 'append', content }] as const);
    this.#waiting.clear();
    return list;
  }
}

/** The bytes at the end that begin a character and do not end it. */
function cutBytes(content: Uint8Array): number {
  if (wideEncodingOf(content) !== undefined) return content.length % 2;
  for (let back = 1; back <= Math.min(3, content.length); back++) {
    const byte = content[content.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc2) return back < sizeOf(byte) ? back : 0;
  }
  return 0;
}

/** Bytes of the character that begins with this one. */
function sizeOf(first: number): number {
  if (first >= 0xf5) return 0;
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}
