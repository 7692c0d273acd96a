import { crc32 } from 'node:zlib';

/**
 * The queue on disk, version 1. One folder for each exporter and signal; numbers are little-endian.
 *
 *   0000002a-9f31c07e.segment              number and salt, in hex: segment 42
 *   0000002a-9f31c07e.done                 what of it has left the queue
 *   0000002a-9f31c07e.segment.damaged-1    a damaged stretch of it, put aside for a person to look at
 *
 *   segment   ┌────────┬────────┬──────┬────────┬──────┬─ ─ ─┬─────────┐
 *             │ head   │ record │ OTLP │ record │ OTLP │     │ trailer │
 *             │ 64     │ 32     │ bytes│ 32     │ bytes│     │ 64      │
 *             └────────┴────────┴──────┴────────┴──────┴─ ─ ─┴─────────┘
 *   head      0 "rmrqueue"   8 u32 version   12 u32 signal   16 u32 number   20 u32 salt   24 f64 created, ms of the epoch
 *             32 zeros                                                                     60 u32 checksum of 0..60
 *   record    0 "rec1"   4 u32 length   8 u32 items   12 u32 index   16 f64 enqueued, ms of the epoch
 *             24 u32 checksum of the OTLP bytes                                            28 u32 checksum of 0..28
 *   trailer   0 "rmrqseal"   8 f64 requests   16 f64 items   24 f64 bytes   32 f64 first enqueued, ms of the epoch
 *             40 f64 length of the records     48 zeros                                    60 u32 checksum of 0..60
 *   done      entries: 0 u32 first index   4 u32 how many   8 f64 items   16 f64 bytes (NaN: not known)   24 zeros
 *             28 u32 checksum of 0..28
 *
 * - Every checksum is a crc32 that starts from the salt, which is random: bytes of another segment, or telemetry that
 *   looks like a record, never pass for one of this.
 * - A record's header has a checksum of its own, so a torn length never leads into the dark; after a damaged header the
 *   next one is found by its mark, its checksum and an index that is higher.
 * - Indexes count from 0 without a gap. A trailer says that there is nothing after it and saves reading the segment;
 *   one that is missing is made up for by reading it.
 * - Which signal, version and number a segment has is in its head; a damaged head costs none of the records, since
 *   number and salt are in the name.
 */
export const VERSION = 1;
export const HEAD_BYTES = 64;
export const RECORD_BYTES = 32;
export const TRAILER_BYTES = 64;
export const DONE_BYTES = 32;
/** Lengths are 32 bits; half of that keeps every sum below an exact integer. */
export const MAX_RECORD_BYTES = 2 ** 31;

const HEAD_MARK = Buffer.from('rmrqueue', 'latin1');
export const TRAILER_MARK = Buffer.from('rmrqseal', 'latin1');
export const RECORD_MARK = Buffer.from('rec1', 'latin1');
const SIGNAL_NUMBERS = { traces: 1, metrics: 2, logs: 3 } as const;

export interface SegmentName {
  readonly number: number;
  readonly salt: number;
}

export interface SegmentHead extends SegmentName {
  readonly signal: keyof typeof SIGNAL_NUMBERS;
  readonly createdMs: number;
}

export interface RecordHead {
  /** Of the OTLP bytes that follow. */
  length: number;
  items: number;
  index: number;
  enqueuedMs: number;
  checksum: number;
}

export interface Totals {
  requests: number;
  items: number;
  bytes: number;
}

export interface Trailer extends Totals {
  readonly firstEnqueuedMs: number;
  /** Where the trailer itself stands. */
  readonly end: number;
}

/** Records `first` to `first + count - 1` have left the queue; what they were together, NaN where that is not known. */
export interface DoneRun {
  first: number;
  count: number;
  items: number;
  bytes: number;
}

export function segmentFile({ number, salt }: SegmentName): string {
  return `${stem(number, salt)}.segment`;
}

export function doneFile({ number, salt }: SegmentName): string {
  return `${stem(number, salt)}.done`;
}

function stem(number: number, salt: number): string {
  return `${number.toString(16).padStart(8, '0')}-${salt.toString(16).padStart(8, '0')}`;
}

const NAME = /^([0-9a-f]{8})-([0-9a-f]{8})\.(segment|done)$/;

/** Undefined for a name that is none of ours. */
export function parseName(name: string): (SegmentName & { readonly kind: 'segment' | 'done' }) | undefined {
  const [, number = '', salt = '', kind] = NAME.exec(name) ?? [];
  if (kind !== 'segment' && kind !== 'done') return undefined;
  return { number: Number.parseInt(number, 16), salt: Number.parseInt(salt, 16), kind };
}

export function encodeHead({ signal, number, salt, createdMs }: SegmentHead, version = VERSION): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  HEAD_MARK.copy(head);
  head.writeUInt32LE(version, 8);
  head.writeUInt32LE(SIGNAL_NUMBERS[signal], 12);
  head.writeUInt32LE(number, 16);
  head.writeUInt32LE(salt, 20);
  head.writeDoubleLE(createdMs, 24);
  return seal(head, salt);
}

/** - newer: written by a later version of Remora, and not for this one to touch. */
export type HeadState = 'ours' | 'newer' | 'damaged';

/** What the head of a segment says. Mark, version and checksum stand where they are in every version to come. */
export function inspectHead(head: Buffer, signal: keyof typeof SIGNAL_NUMBERS, name: SegmentName): HeadState {
  if (head.length < HEAD_BYTES || !head.subarray(0, 8).equals(HEAD_MARK) || !isSealed(head, name.salt))
    return 'damaged';
  const version = head.readUInt32LE(8);
  if (version > VERSION) return 'newer';
  const fits = head.readUInt32LE(12) === SIGNAL_NUMBERS[signal] && head.readUInt32LE(16) === name.number;
  return fits ? 'ours' : 'damaged';
}

/** Writes the header of a record to `at`; its `checksum` is that of its OTLP bytes (`checksumOf`). */
export function putRecordHead(into: Buffer, at: number, record: RecordHead, salt: number): void {
  into.set(RECORD_MARK, at);
  into.writeUInt32LE(record.length, at + 4);
  into.writeUInt32LE(record.items, at + 8);
  into.writeUInt32LE(record.index, at + 12);
  into.writeDoubleLE(record.enqueuedMs, at + 16);
  into.writeUInt32LE(record.checksum, at + 24);
  into.writeUInt32LE(crc32(into.subarray(at, at + 28), salt), at + 28);
}

/** Reads the header of a record at `at` into `into`; false when there is none. */
export function readRecordHead(from: Buffer, at: number, salt: number, into: RecordHead): boolean {
  if (at + RECORD_BYTES > from.length || from.readUInt32LE(at) !== MARK_NUMBER) return false;
  if (from.readUInt32LE(at + 28) !== crc32(from.subarray(at, at + 28), salt)) return false;
  into.length = from.readUInt32LE(at + 4);
  into.items = from.readUInt32LE(at + 8);
  into.index = from.readUInt32LE(at + 12);
  into.enqueuedMs = from.readDoubleLE(at + 16);
  into.checksum = from.readUInt32LE(at + 24);
  return true;
}

const MARK_NUMBER = RECORD_MARK.readUInt32LE(0);

/** Of the OTLP bytes of a record, whatever chunks they come in. */
export function checksumOf(chunks: readonly Uint8Array[], salt: number): number {
  let sum = salt;
  for (const chunk of chunks) sum = crc32(chunk, sum);
  return sum;
}

export function encodeTrailer(trailer: Trailer, salt: number): Buffer {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  TRAILER_MARK.copy(bytes);
  bytes.writeDoubleLE(trailer.requests, 8);
  bytes.writeDoubleLE(trailer.items, 16);
  bytes.writeDoubleLE(trailer.bytes, 24);
  bytes.writeDoubleLE(trailer.firstEnqueuedMs, 32);
  bytes.writeDoubleLE(trailer.end, 40);
  return seal(bytes, salt);
}

/** Undefined when these are not the last bytes of a sealed segment that is `size` bytes long. */
export function decodeTrailer(bytes: Buffer, salt: number, size: number): Trailer | undefined {
  if (bytes.length !== TRAILER_BYTES || !bytes.subarray(0, 8).equals(TRAILER_MARK)) return undefined;
  if (!isSealed(bytes, salt) || bytes.readDoubleLE(40) !== size - TRAILER_BYTES) return undefined;
  return {
    requests: bytes.readDoubleLE(8),
    items: bytes.readDoubleLE(16),
    bytes: bytes.readDoubleLE(24),
    firstEnqueuedMs: bytes.readDoubleLE(32),
    end: bytes.readDoubleLE(40),
  };
}

export function encodeDone(runs: readonly DoneRun[], salt: number): Buffer {
  const bytes = Buffer.alloc(runs.length * DONE_BYTES);
  runs.forEach((run, at) => {
    const entry = bytes.subarray(at * DONE_BYTES, (at + 1) * DONE_BYTES);
    entry.writeUInt32LE(run.first, 0);
    entry.writeUInt32LE(run.count, 4);
    entry.writeDoubleLE(run.items, 8);
    entry.writeDoubleLE(run.bytes, 16);
    seal(entry, salt);
  });
  return bytes;
}

/** The entries that are whole; a torn or damaged one is passed over: what it names is delivered again. */
export function decodeDone(bytes: Buffer, salt: number): DoneRun[] {
  const runs: DoneRun[] = [];
  for (let at = 0; at + DONE_BYTES <= bytes.length; at += DONE_BYTES) {
    const entry = bytes.subarray(at, at + DONE_BYTES);
    if (!isSealed(entry, salt)) continue;
    runs.push({
      first: entry.readUInt32LE(0),
      count: entry.readUInt32LE(4),
      items: entry.readDoubleLE(8),
      bytes: entry.readDoubleLE(16),
    });
  }
  return runs;
}

/** Puts the checksum of all before it into the last four bytes. */
function seal(bytes: Buffer, salt: number): Buffer {
  const end = bytes.length - 4;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end), salt), end);
  return bytes;
}

function isSealed(bytes: Buffer, salt: number): boolean {
  const end = bytes.length - 4;
  return bytes.readUInt32LE(end) === crc32(bytes.subarray(0, end), salt);
}
