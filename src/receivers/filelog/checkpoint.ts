import * as z from 'zod';
import type { StorageClient } from '../../core/storage.ts';
import type { FileRecord } from './identity.ts';

const mark = z.object({ bytes: z.number(), hash: z.string() });
const record = z.object({
  path: z.string(),
  dev: z.number(),
  ino: z.number(),
  birthMs: z.number(),
  offset: z.number(),
  head: mark,
  tail: mark,
  discarding: z.boolean(),
  records: z.number(),
});
const content = z.object({ version: z.literal(1), files: z.array(record) });

/** The files as last written; undefined when there is no checkpoint. Throws for one that cannot be understood. */
export async function loadCheckpoint(storage: StorageClient): Promise<readonly FileRecord[] | undefined> {
  const bytes = await storage.read();
  if (bytes === undefined) return undefined;
  return content.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).files;
}

export async function saveCheckpoint(storage: StorageClient, files: readonly FileRecord[]): Promise<void> {
  await storage.write(Buffer.from(JSON.stringify({ version: 1, files }), 'utf8'));
}
