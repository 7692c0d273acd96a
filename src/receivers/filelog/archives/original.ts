import { NOTHING_FRESH } from '../../../core/file-system.ts';
import { isMark, TAIL_BYTES, type FileRecord } from '../identity.ts';
import type { TrackedFile } from '../tracked-file.ts';

/** The files that are or were read uncompressed. */
export interface Originals {
  records(): readonly FileRecord[];
  isOpen(record: FileRecord): boolean;
}

/**
 * Puts an archive to where its content goes on: behind what a record says was read of it, under another name and
 * uncompressed, or earlier of the archive itself. Resolves with whether there is `more` to read or `nothing`; `wait` when
 * the other reading is not at its end.
 */
export async function findPlace(
  file: TrackedFile,
  records: readonly FileRecord[],
  fingerprintBytes: number,
  isOpen: (record: FileRecord) => boolean,
): Promise<'more' | 'nothing' | 'wait'> {
  const longest = records.reduce((bytes, { head }) => Math.max(bytes, head.bytes), fingerprintBytes);
  const head = await bytesAt(file, 0, longest);
  file.head = head.slice(0, fingerprintBytes);
  const candidates = records.filter((record) => record.offset > 0 && isMark(record.head, head));
  candidates.sort((a, b) => a.offset - b.offset);
  let found: { record: FileRecord; tail: Uint8Array } | undefined;
  for (const record of candidates) {
    const start = Math.max(0, record.offset - TAIL_BYTES);
    const tail = await bytesAt(file, start, record.offset - start);
    if (tail.length === record.tail.bytes && isMark(record.tail, tail)) found = { record, tail };
  }
  if (found === undefined) {
    file.size = 0;
    file.startAt(0, new Uint8Array(0));
    // It ends too early to tell whether it holds what was read before.
    return candidates.length > 0 && file.archive?.failure !== undefined ? 'nothing' : 'more';
  }
  const { record, tail } = found;
  const isUnread = record.offset < (record.size ?? 0);
  if (record.compressed !== true && (isUnread || (record.pending !== undefined && isOpen(record)))) return 'wait';
  file.size = record.offset;
  file.goOn(record, tail);
  const next = await bytesAt(file, record.offset, 1);
  return next.length > 0 || file.toRestore.length > 0 ? 'more' : 'nothing';
}

async function bytesAt(file: TrackedFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  return bytes.slice(0, await file.readAt(bytes, length, start, NOTHING_FRESH));
}
