import type { Logger } from '../../core/logger.ts';
import { identityKey } from '../../core/file-system.ts';
import type { FileRecord } from './identity.ts';
import type { Remembered } from './remembered.ts';

export interface GoneReport {
  readonly log: Logger;
  onLost(path: string, bytes: number): void;
  onRecordsChanged(): void;
}

/** Says what is gone for good with the files that nothing was found of, in the look of this number. */
export function reportGone(
  missing: ReadonlySet<FileRecord>,
  remembered: Remembered,
  look: number,
  report: GoneReport,
): void {
  if (missing.size > 0) report.onRecordsChanged();
  let unknown: FileRecord | undefined;
  let files = 0;
  for (const record of missing) {
    if (!remembered.has(identityKey(record.dev, record.ino))) continue;
    const bytes = (record.size ?? 0) - record.offset;
    if (bytes > 0) {
      report.onLost(record.path, bytes);
      remembered.add({ ...record, size: record.offset, rotated: true }, look);
    } else if (look === 1 && record.rotated !== true) {
      files += 1;
      unknown ??= record;
    }
  }
  if (unknown === undefined) return;
  const message = 'Files of the last run are gone; what was written to them since then is unknown and not read.';
  report.log.warn(message, { files, path: unknown.path });
}
