import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { rawEncoder } from '../../../src/receivers/filelog/encode/raw-encoder.ts';
import { RecordWriter } from '../../../src/receivers/filelog/encode/record-writer.ts';
import { openFile, position } from '../../../src/receivers/filelog/opening.ts';
import { ChunkReader } from '../../../src/receivers/filelog/reading/chunk-reader.ts';
import { configuredEncoding, makeSplitter, multilineSetting } from '../../../src/receivers/filelog/reading/settings.ts';
import type { TrackedFile } from '../../../src/receivers/filelog/tracked-file.ts';
import { records, tempDirectory, text } from './support.ts';

export interface SplitOptions {
  readonly encoding?: string;
  readonly multiline?: { line_start_pattern?: string; line_end_pattern?: string; omit_pattern?: boolean };
  readonly maxLogSize?: number;
  readonly truncate?: boolean;
  readonly keepLeading?: boolean;
  readonly keepTrailing?: boolean;
  readonly chunkBytes?: number;
}

/** A record: its text, and whether it is marked as part of one that was cut. */
export type Split = readonly [body: string, cut: boolean];

export interface SplitRig {
  /** What was sent so far. */
  readonly found: Split[];
  readonly skippedNuls: number;
  /** Grows the file, and reads all that can be read without knowing more. */
  append(bytes: Uint8Array): Promise<void>;
  /** Reads what is left, as when nothing comes for a while. */
  flush(): Promise<void>;
  /** Opens the file anew with what a checkpoint knows of it. */
  restart(): Promise<void>;
  file(): TrackedFile;
}

const FINGERPRINT_BYTES = 16;

/** A reader of one real file, without what stands around it. */
export function splitRig(t: TestContext, options: SplitOptions, directory = tempDirectory(t)): SplitRig {
  const path = join(directory, 'app.log');
  writeFileSync(path, '');
  const found: Split[] = [];
  const state = { skippedNuls: 0 };
  const reader = makeReader(options, (bytes) => (state.skippedNuls += bytes));
  let file = openFile(nodeFileSystem, path);
  t.after(() => file.close());
  const read = async (flush: boolean): Promise<void> => {
    for (let more = true; more;) {
      const turn = await reader.turn(file, flush ? 'everything' : 'nothing');
      if (turn.status === 'replaced') throw new Error('the file was taken for another one');
      more = !turn.atEnd;
      if (turn.range === undefined) continue;
      found.push(...splits(turn.range.batch));
      turn.range.settlement.settle(turn.range);
    }
  };
  return {
    found,
    get skippedNuls() {
      return state.skippedNuls;
    },
    async append(bytes) {
      appendFileSync(path, bytes);
      await read(false);
    },
    flush: () => read(true),
    async restart() {
      const record = file.record();
      file.close();
      file = openFile(nodeFileSystem, path);
      await position(file, [record], 0, { fingerprintBytes: FINGERPRINT_BYTES });
    },
    file: () => file,
  };
}

function makeReader(options: SplitOptions, onSkippedNuls: (bytes: number) => void): ChunkReader {
  const encoding = configuredEncoding({ encoding: options.encoding ?? 'utf-8' });
  const out = new RecordWriter();
  const none = new Uint8Array(0);
  return new ChunkReader({
    encoding,
    splitter: makeSplitter(options.multiline && multilineSetting().parse(options.multiline), encoding),
    maxLogSize: options.maxLogSize ?? 1024 * 1024,
    truncate: options.truncate ?? false,
    keepLeading: options.keepLeading ?? false,
    keepTrailing: options.keepTrailing ?? false,
    keepBlank: false,
    keepsParts: false,
    held: [],
    fingerprintBytes: FINGERPRINT_BYTES,
    encoder: rawEncoder,
    out,
    ...(options.chunkBytes === undefined ? {} : { chunkBytes: options.chunkBytes }),
    begin: (file) =>
      out.begin({ file, resource: new Map(), constant: none, constants: new Map(), nowMs: 0, monotonicMs: 0 }),
    onCutLine: () => undefined,
    onSkippedNuls,
  });
}

function splits(batch: Batch | undefined): Split[] {
  if (batch === undefined) return [];
  return records([batch]).map(({ body, attributes }) => [text(body), attributes.get('log.record.cut') === true]);
}

/** The records of a whole file at once. */
export async function splitAll(t: TestContext, content: Uint8Array, options: SplitOptions = {}): Promise<Split[]> {
  const rig = splitRig(t, options);
  await rig.append(content);
  await rig.flush();
  return rig.found;
}

export async function bodiesOf(t: TestContext, content: string, options: SplitOptions = {}): Promise<string[]> {
  return (await splitAll(t, Buffer.from(content), options)).map(([body]) => body);
}
