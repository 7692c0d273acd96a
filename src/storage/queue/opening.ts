import { errorMessage } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Signal } from '../../core/signal.ts';
import { NotOurs, type Disk, type DiskFile } from '../disk.ts';
import { hasCode } from '../private-directory.ts';
import {
  decodeDone,
  decodeTrailer,
  DONE_BYTES,
  doneFile,
  encodeHead,
  encodeTrailer,
  HEAD_BYTES,
  inspectHead,
  parseName,
  readRecordHead,
  RECORD_BYTES,
  segmentFile,
  TRAILER_BYTES,
  TRAILER_MARK,
  type DoneRun,
  type RecordHead,
  type SegmentName,
  type Totals,
  type Trailer,
} from './format.ts';
import type { QueueMetrics } from './metrics.ts';
import type { Quarantine } from './quarantine.ts';
import { readAround, type Readable } from './read-around.ts';
import { RecordWalk, type Finds } from './record-walk.ts';
import { add, MAX_RECORDS, Segment } from './segment.ts';

export interface OpeningOptions {
  readonly disk: Disk;
  readonly signal: Signal;
  readonly log: Logger;
  readonly metrics: QueueMetrics;
  readonly quarantine: Quarantine;
}

export interface Opened {
  /** In order; none of them is written to any more. */
  readonly segments: Segment[];
  /** Higher than that of any file there. */
  readonly nextNumber: number;
  /** What is known to be missing: damaged, and never delivered. Of a damaged header only that it was one. */
  readonly lost: Totals;
}

const SCAN_BYTES = 1024 * 1024;

/** Finds what an earlier process left. Nothing that is damaged, strange or newer makes it fail. */
export async function openSegments(options: OpeningOptions): Promise<Opened> {
  const names = await options.disk.list();
  await options.quarantine.count(names);
  const found: SegmentName[] = [];
  const notes = new Set<string>();
  let nextNumber = 1;
  for (const file of names.sort()) {
    const name = parseName(file);
    if (name === undefined) continue;
    nextNumber = Math.max(nextNumber, name.number + 1);
    if (name.kind === 'segment') found.push(name);
    else notes.add(file);
  }
  const segments: Segment[] = [];
  const lost = { requests: 0, items: 0, bytes: 0 };
  const last = found.reduce((most, { number }) => Math.max(most, number), 0);
  for (const name of found) {
    notes.delete(doneFile(name));
    const segment = await openSegment({ ...name, mayBeTorn: name.number === last }, options, lost);
    if (segment !== undefined) segments.push(segment);
  }
  for (const orphan of notes) await options.disk.unlink(orphan).catch(() => undefined);
  return { segments, nextNumber, lost };
}

interface Found extends SegmentName {
  /** It was written to when the process ended, if that ended without a word. */
  readonly mayBeTorn: boolean;
}

async function openSegment(name: Found, options: OpeningOptions, lost: Totals): Promise<Segment | undefined> {
  const path = segmentFile(name);
  try {
    const file = await openWritable(options.disk, path);
    try {
      return await inspect(name, file, options, lost);
    } finally {
      await file.close();
    }
  } catch (error) {
    options.metrics.strangeFiles.value += 1;
    options.log.error('A file in the directory of a queue is left alone.', { file: path, error: errorMessage(error) });
    return undefined;
  }
}

/** Cutting a torn end off needs a file that can be written; on a disk that cannot, reading has to do. */
async function openWritable(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'write');
  } catch (error) {
    if (error instanceof NotOurs) throw error;
    return disk.open(path, 'read');
  }
}

async function inspect(
  name: Found,
  file: DiskFile,
  options: OpeningOptions,
  lost: Totals,
): Promise<Segment | undefined> {
  const size = await file.size();
  const head = await readPiece(file, 0, HEAD_BYTES);
  const state = inspectHead(head, options.signal, name);
  if (state === 'newer') throw new Error('a newer version of Remora wrote it');
  if (size <= HEAD_BYTES) {
    // A process ended before its first record was in: nothing was promised.
    await options.disk.unlink(segmentFile(name)).catch(() => undefined);
    return undefined;
  }
  const segment = new Segment(name);
  segment.closed = true;
  segment.size = size;
  const trailer = await readTrailer(file, size, name);
  const runs = await readDone(segment, options);
  const trusted = trailer !== undefined && trust(segment, trailer, runs);
  const scan = trusted ? undefined : await scanSegment(segment, file, trailer?.end ?? size, runs);
  if (state === 'damaged' && segment.records === 0) {
    await options.quarantine.rename(segmentFile(name), size);
    return undefined;
  }
  if (state === 'damaged') await replaceHead(segment, file, options);
  if (scan !== undefined) {
    if (name.mayBeTorn && trailer === undefined) await leaveOutTorn(segment, scan, file, options);
    await settle(segment, scan, file, options);
    add(lost, scan.lost.requests, scan.lost.items, scan.lost.bytes);
  }
  return segment;
}

/** Number and salt are in the name, so no record is lost with a head; it is written again and not found twice. */
async function replaceHead(segment: Segment, file: DiskFile, { quarantine, signal }: OpeningOptions): Promise<void> {
  const { number, salt, firstEnqueuedMs } = segment;
  await quarantine.copy(file, segmentFile(segment), { from: 0, to: HEAD_BYTES, records: 0 });
  const head = encodeHead({ number, salt, signal, createdMs: firstEnqueuedMs });
  await file.writev([head], 0).catch(() => undefined);
}

async function readPiece(file: DiskFile, from: number, bytes: number): Promise<Buffer> {
  const piece = Buffer.alloc(bytes);
  mustRead(await readAround(file, piece, from));
  return piece;
}

/** A disk that gives nothing is no reason to call what is on it damaged. */
function mustRead(readable: Readable): void {
  if (readable === 'none') throw new Error('nothing of it can be read; it is looked at again at the next start');
}

async function readTrailer(file: DiskFile, size: number, { salt }: SegmentName): Promise<Trailer | undefined> {
  if (size < HEAD_BYTES + TRAILER_BYTES) return undefined;
  return decodeTrailer(await readPiece(file, size - TRAILER_BYTES, TRAILER_BYTES), salt, size);
}

async function readDone(segment: Segment, { disk, log, metrics }: OpeningOptions): Promise<DoneRun[]> {
  try {
    const file = await disk.open(doneFile(segment), 'read');
    try {
      const entries = Math.min(MAX_RECORDS, Math.floor((await file.size()) / DONE_BYTES));
      segment.doneEnd = entries * DONE_BYTES;
      return decodeDone(await readPiece(file, 0, segment.doneEnd), segment.salt);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    metrics.strangeFiles.value += 1;
    log.error('A file in the directory of a queue is left alone.', { error: errorMessage(error) });
    return [];
  }
}

/** Takes the totals from the trailer and the notes; false when they do not go together: then it has to be read. */
function trust(segment: Segment, trailer: Trailer, runs: readonly DoneRun[]): boolean {
  const { requests, items, bytes, end, firstEnqueuedMs } = trailer;
  const left = { requests, items, bytes };
  for (const run of runs) {
    add(left, -run.count, -run.items, -run.bytes);
    if (run.first + run.count > requests) return false;
  }
  // Not a number, when some left unseen.
  if (!(left.requests >= 0 && left.items >= 0 && left.bytes >= 0)) return false;
  if (!markDone(segment, runs)) return false;
  segment.records = requests;
  segment.end = end;
  segment.firstEnqueuedMs = firstEnqueuedMs;
  add(segment.live, left.requests, left.items, left.bytes);
  add(segment.resting, left.requests, left.items, left.bytes);
  return true;
}

/** False when one is marked twice. */
function markDone(segment: Segment, runs: readonly DoneRun[]): boolean {
  let once = true;
  for (const { first, count } of runs) {
    for (let index = first; index < first + count; index++) once = segment.done.add(index) && once;
  }
  return once;
}

interface Scan {
  readonly damage: { readonly from: number; readonly to: number; readonly records: number }[];
  /** Of what the notes say has left the queue. */
  readonly done: Totals;
  readonly lost: Totals;
  /** False when blocks of it could not be read: where its records end is not certain. */
  readonly whole: boolean;
}

/** Reads all of a segment: one that was not sealed, or whose totals cannot be trusted. */
async function scanSegment(segment: Segment, file: DiskFile, end: number, runs: readonly DoneRun[]): Promise<Scan> {
  const done = { requests: 0, items: 0, bytes: 0 };
  for (const run of runs) if (markDone(segment, [run])) add(done, run.count, run.items, run.bytes);
  const walk = new RecordWalk({ salt: segment.salt, offset: HEAD_BYTES, index: 0, end });
  const finds = new Findings(segment);
  let buffer = Buffer.allocUnsafe(Math.min(SCAN_BYTES, end));
  let whole = true;
  while (!walk.finished) {
    if (buffer.length < walk.needs) buffer = Buffer.allocUnsafe(walk.needs);
    const piece = buffer.subarray(0, Math.max(0, Math.min(buffer.length, end - walk.offset)));
    const readable = await readAround(file, piece, walk.offset);
    mustRead(readable);
    if (readable === 'some') whole = false;
    walk.feed(piece, finds);
  }
  segment.end = finds.end;
  return { damage: finds.damage, done, lost: finds.lost, whole };
}

/** Counts what a segment holds as it is walked. */
class Findings implements Finds {
  readonly damage: { from: number; to: number; records: number }[] = [];
  readonly lost: Totals = { requests: 0, items: 0, bytes: 0 };
  /** Where the last record ends. */
  end = HEAD_BYTES;
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  wants(): boolean {
    return true;
  }

  record({ index, items, length, enqueuedMs }: RecordHead, offset: number): void {
    const segment = this.#segment;
    this.#found(index, offset + RECORD_BYTES + length);
    segment.firstEnqueuedMs = Math.min(segment.firstEnqueuedMs, enqueuedMs);
    if (segment.done.has(index)) return;
    add(segment.live, 1, items, length);
    add(segment.resting, 1, items, length);
  }

  damaged({ index, items, length }: RecordHead, offset: number): void {
    const to = offset + RECORD_BYTES + length;
    this.#found(index, to);
    if (!this.#miss(index)) return;
    add(this.lost, 1, items, length);
    this.damage.push({ from: offset, to, records: 1 });
  }

  gap(from: number, to: number, first: number, next: number | undefined): void {
    let records = next === undefined ? 1 : 0;
    for (let index = first; index < (next ?? first); index++) if (this.#miss(index)) records += 1;
    add(this.lost, next === undefined ? 0 : records, 0, 0);
    if (records > 0) this.damage.push({ from, to, records });
  }

  #found(index: number, end: number): void {
    this.#segment.records = index + 1;
    this.end = end;
  }

  /** One that has left the queue is missed by nobody; any other is noted, so that it is missed once. */
  #miss(index: number): boolean {
    if (!this.#segment.done.add(index)) return false;
    this.#segment.unnoted.push({ first: index, count: 1, items: 0, bytes: 0 });
    return true;
  }
}

/**
 * Puts aside what is damaged, cuts a torn end off, and seals the segment, so that it is read only once. One with damage
 * between its records is sealed the next time, when the notes of what is missing are on the disk.
 */
async function settle(
  segment: Segment,
  { damage, done, whole }: Scan,
  file: DiskFile,
  options: OpeningOptions,
): Promise<void> {
  for (const stretch of damage) {
    if (stretch.from >= segment.end && (await isUnwritten(file, stretch.from, stretch.to))) continue;
    await options.quarantine.copy(file, segmentFile(segment), stretch);
  }
  if (!whole) return;
  const { end, firstEnqueuedMs, live, records } = segment;
  try {
    await file.truncate(end);
    segment.size = end;
    if (live.requests === 0 || damage.some(({ from }) => from < end)) return;
    const totals = { requests: records, items: live.items + done.items, bytes: live.bytes + done.bytes };
    await file.writev([encodeTrailer({ ...totals, firstEnqueuedMs, end }, segment.salt)], end);
    segment.size = end + TRAILER_BYTES;
  } catch {
    // It is read again the next time.
  }
}

/**
 * The last write of a process that was killed may end anywhere. What is there of it was never acknowledged and is not
 * damage: a header that is whole, of the request that comes next, with less behind it than it says.
 */
async function leaveOutTorn(segment: Segment, { damage }: Scan, file: DiskFile, options: OpeningOptions) {
  const { from, to } = damage.at(-1) ?? { from: 0, to: 0 };
  if (from !== segment.end || to !== segment.size || to - from < RECORD_BYTES) return;
  const head: RecordHead = { length: 0, items: 0, index: 0, enqueuedMs: 0, checksum: 0 };
  if (!readRecordHead(await readPiece(file, from, RECORD_BYTES), 0, segment.salt, head)) return;
  if (head.index !== segment.records || head.length <= to - from - RECORD_BYTES) return;
  damage.pop();
  options.metrics.tornRecords.value += 1;
  const fields = { file: segmentFile(segment), bytes: to - from, of: head.length + RECORD_BYTES };
  options.log.warn('The process ended while it wrote a request, which nobody was told is safe; it is cut off.', fields);
}

/** What a crash leaves behind the last record of a file that had grown: too little, zeros, or half of a trailer. */
async function isUnwritten(file: DiskFile, from: number, to: number): Promise<boolean> {
  if (to - from < RECORD_BYTES) return true;
  const first = await readPiece(file, from, TRAILER_MARK.length);
  if (first.equals(TRAILER_MARK)) return to - from <= TRAILER_BYTES;
  for (let at = from; at < to; at += SCAN_BYTES) {
    const piece = await readPiece(file, at, Math.min(SCAN_BYTES, to - at));
    if (piece.some((byte) => byte !== 0)) return false;
  }
  return true;
}
