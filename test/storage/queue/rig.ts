import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Lease, Lost } from '../../../src/core/queue.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { folderOnDisk } from '../../../src/storage/disk.ts';
import { DiskQueue } from '../../../src/storage/queue/disk-queue.ts';
import type { DiskQueueOptions } from '../../../src/storage/queue/options.ts';
import { TestMeter } from '../../support/context.ts';

/** A temporary directory that goes with the test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'disk-queue-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface QueueRig {
  readonly queue: DiskQueue;
  readonly meter: TestMeter;
  readonly lost: Lost[];
}

/** A queue on the real disk, opened, and shut after the test; the further options win. */
export async function openQueue(
  t: TestContext,
  directory: string,
  options: Partial<DiskQueueOptions> = {},
): Promise<QueueRig> {
  const rig = await openedQueue({ folder: () => Promise.resolve(folderOnDisk(directory)), ...options });
  t.after(() => shutNow(rig.queue));
  return rig;
}

/** A queue on some disk, opened; shutting it is the caller's. */
export async function openedQueue(
  options: Partial<DiskQueueOptions> & Pick<DiskQueueOptions, 'folder'>,
): Promise<QueueRig> {
  const meter = new TestMeter();
  const lost: Lost[] = [];
  const queue = new DiskQueue({
    signal: 'logs',
    clock: systemClock,
    log: silentLogger,
    meter,
    labels: { exporter: 'x', data_type: 'logs' },
    sizer: 'requests',
    capacity: 1_000_000,
    maxBytes: 64 * 1024 * 1024,
    memoryBytes: 1024 * 1024,
    overflow: 'push_back',
    freshFirst: false,
    onLost: (what) => void lost.push(what),
    random: seededRandom('rig'),
    fsync: 'always',
    ...options,
  });
  await queue.open();
  return { queue, meter, lost };
}

/** A batch that says which it is, `bytes` long, of `items` items. */
export function tagged(tag: number, bytes = 100, items = 1): Batch {
  const content = Buffer.alloc(bytes, tag % 251);
  content.write(`${tag};`, 'latin1');
  return makeBatch('logs', [content], items);
}

export function tagOf(batch: Batch): number {
  const text = Buffer.from(batchBytes(batch).subarray(0, 12)).toString('latin1');
  return Number(text.slice(0, text.indexOf(';')));
}

export async function offer(queue: DiskQueue, batch: Batch): Promise<void> {
  const reservation = queue.tryReserve(batch);
  if (reservation.status !== 'reserved') throw new Error(`The queue answered ${reservation.status}.`);
  await reservation.commit();
}

export async function offerAll(queue: DiskQueue, first: number, count: number, bytes = 100): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => offer(queue, tagged(first + at, bytes))));
}

/** The next `count` leases, in order; waits for each. */
export async function leaseAll(queue: DiskQueue, count: number): Promise<Lease[]> {
  const leases: Lease[] = [];
  for (let at = 0; at < count; at++) {
    const lease = await queue.lease(AbortSignal.timeout(120_000));
    if (lease === undefined) throw new Error(`Only ${at} of ${count} leases came.`);
    leases.push(lease);
  }
  return leases;
}

export function shutNow(queue: DiskQueue): Promise<void> {
  return queue.shut(AbortSignal.timeout(120_000));
}
