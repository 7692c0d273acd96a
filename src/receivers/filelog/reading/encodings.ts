import { isAscii, isUtf8 } from 'node:buffer';
import * as oneByte from './bytes.ts';
import { linearView, Utf8View, type TextView } from './text-view.ts';
import * as utf16 from './utf16.ts';

/** How the bytes of a file are a text. All places are places in the bytes of the file. */
export interface Encoding {
  readonly unitBytes: 1 | 2;
  /** The bytes as the functions below take them; `start` is where a unit begins, `head` the first bytes of the file. */
  arrange(bytes: Buffer, start: number, head: Uint8Array): Buffer;
  /** Bytes of the byte order mark at `start`, 0 when there is none. */
  markBytes(bytes: Uint8Array, start: number): number;
  trimStart(bytes: Uint8Array, start: number, end: number): number;
  trimEnd(bytes: Uint8Array, start: number, end: number): number;
  skipNuls(bytes: Uint8Array, start: number, end: number): number;
  /** The last place at or before `end`, and after `start`, where a cut splits no character. */
  characterStart(bytes: Uint8Array, start: number, end: number): number;
  /** Where the next newline begins; -1 when there is none before `end`. */
  newline(bytes: Buffer, start: number, end: number): number;
  /** True when the bytes are UTF-8 as they stand. */
  isUtf8(bytes: Uint8Array): boolean;
  decode(bytes: Buffer, start: number, end: number): string;
  view(bytes: Buffer, start: number, end: number): TextView;
}

const NEWLINE = 10;

const utf8: Encoding = {
  ...oneByte,
  unitBytes: 1,
  arrange: (bytes) => bytes,
  markBytes: (bytes, at) => (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf ? 3 : 0),
  newline: (bytes, start) => bytes.indexOf(NEWLINE, start),
  isUtf8,
  decode: (bytes, start, end) => bytes.toString('utf8', start, end),
  view: (bytes, start, end) =>
    isAscii(bytes.subarray(start, end))
      ? linearView(bytes.toString('latin1', start, end), start, 1)
      : new Utf8View(bytes, start, end),
};

/** An encoding with one byte for each character, of which those below 0x80 are ASCII. */
function singleByte(decode: Encoding['decode']): Encoding {
  return {
    ...utf8,
    markBytes: () => 0,
    characterStart: (_, __, end) => end,
    isUtf8: isAscii,
    decode,
    view: (bytes, start, end) => linearView(decode(bytes, start, end), start, 1),
  };
}

function windows(label: string): Encoding {
  const decoder = new TextDecoder(label);
  return singleByte((bytes, start, end) => decoder.decode(bytes.subarray(start, end)));
}

/** UTF-16, whose units are brought into the order low byte first where `isSwapped` says that they are not. */
function utf16Encoding(isSwapped: (head: Uint8Array) => boolean): Encoding {
  return {
    ...utf16,
    unitBytes: 2,
    arrange: (bytes, start, head) => (isSwapped(head) ? utf16.swapped(bytes, start) : bytes),
    markBytes: (bytes, at) => (bytes[at] === 0xff && bytes[at + 1] === 0xfe ? 2 : 0),
    newline: (bytes, start, end) => utf16.indexOfUnit(bytes, NEWLINE, start, end),
    isUtf8: () => false,
    decode: (bytes, start, end) => bytes.toString('utf16le', start, end),
    view: (bytes, start, end) => linearView(bytes.toString('utf16le', start, end), start, 2),
  };
}

const latin1 = singleByte((bytes, start, end) => bytes.toString('latin1', start, end));
const littleEndian = utf16Encoding(() => false);
const bigEndian = utf16Encoding(() => true);
/** The byte order mark decides; without one it is low byte first, as in the Collector. */
const marked = utf16Encoding((head) => head[0] === 0xfe && head[1] === 0xff);

/** Spellings as the Collector takes them, in lower case. */
const ENCODINGS: ReadonlyMap<string, () => Encoding> = new Map(
  Object.entries<() => Encoding>({
    '': () => utf8,
    'utf-8': () => utf8,
    utf8: () => utf8,
    // The Collector passes invalid bytes on, which a string of OTLP may not hold.
    'utf-8-raw': () => utf8,
    'utf8-raw': () => utf8,
    ascii: () => utf8,
    'us-ascii': () => utf8,
    latin1: () => latin1,
    'iso-8859-1': () => latin1,
    'iso-8859-15': () => windows('iso-8859-15'),
    'windows-1252': () => windows('windows-1252'),
    'utf-16le': () => littleEndian,
    'utf-16be': () => bigEndian,
    'utf-16': () => marked,
    utf16: () => marked,
  }),
);

export const ENCODING_NAMES: readonly string[] = [...ENCODINGS.keys()].filter((name) => name !== '');

/** Undefined for an encoding that cannot be read. */
export function findEncoding(name: string): Encoding | undefined {
  return ENCODINGS.get(name.toLowerCase())?.();
}
