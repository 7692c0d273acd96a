import * as z from 'zod';
import type { StorageClient } from '../../core/storage.ts';
import type { FileRecord } from './identity.ts';

const mark = z.object({ bytes: z.number(), hash: z.string() });
/** A text where a number would not be exact. */
const inode = z.union([z.number(), z.string().regex(/^\d+$/).transform(BigInt)]);
const record = z.object({
  path: z.string(),
  realPath: z.string().optional(),
  dev: z.number(),
  ino: inode,
  birthMs: z.number(),
  offset: z.number(),
  head: mark,
  tail: mark,
  afterCut: z.boolean().default(false),
  records: z.number(),
  size: z.number().optional(),
  modifiedMs: z.number().optional(),
  rotated: z.boolean().optional(),
  compressed: z.boolean().optional(),
  pending: z.array(z.tuple([z.number(), z.number()])).optional(),
});
/** Version 1 has no size, modifiedMs, rotated, and rounds large inodes. */
const content = z.object({
  version: z.union([z.literal(1), z.literal(2)]),
  lookedMs: z.number().optional(),
  files: z.array(record),
});

export interface Checkpoint {
  readonly files: readonly FileRecord[];
  /** Wall time: every file to read that was born before it is one of `files`. */
  readonly lookedMs?: number | undefined;
}

/** What was last written; undefined when there is no checkpoint. Throws for one that cannot be understood. */
export async function loadCheckpoint(storage: StorageClient): Promise<Checkpoint | undefined> {
  const bytes = await storage.read();
  if (bytes === undefined) return undefined;
  return content.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/** Records are immutable, and most of many files stay as they are from one checkpoint to the next. */
const texts = new WeakMap<FileRecord, string>();

export async function saveCheckpoint(storage: StorageClient, { files, lookedMs }: Required<Checkpoint>): Promise<void> {
  const text = `{"version":2,"lookedMs":${JSON.stringify(lookedMs)},"files":[${files.map(textOf).join()}]}`;
  await storage.write(Buffer.from(text, 'utf8'));
}

function textOf(file: FileRecord): string {
  let text = texts.get(file);
  if (text === undefined) {
    const { ino } = file;
    text = JSON.stringify({ ...file, ino: typeof ino === 'bigint' ? String(ino) : ino });
    texts.set(file, text);
  }
  return text;
}
