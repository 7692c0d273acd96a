import { errorMessage, RemoraError } from '../../core/errors.ts';
import type { Disk } from '../disk.ts';
import { Appender, type AppenderOptions } from './appender.ts';
import { Backlog, type BacklogOptions } from './backlog.ts';
import type { Entry } from './entry.ts';
import type { QueueMetrics } from './metrics.ts';
import { Notes } from './notes.ts';
import { openSegments } from './opening.ts';
import type { DiskQueueOptions } from './options.ts';
import { Quarantine } from './quarantine.ts';
import type { ChunkPool } from './read-chunk.ts';
import type { Segment } from './segment.ts';
import { Trouble } from './trouble.ts';

export interface StoreParts extends Pick<AppenderOptions, 'onWritten'>, Pick<BacklogOptions, 'onRead' | 'onLost'> {
  readonly segmentBytes: number;
  readonly metrics: QueueMetrics;
  readonly pool: ChunkPool;
  /** Something was deleted, or the disk can be written again. */
  readonly onSpace: () => void;
}

/** Finds what an earlier process left and puts together what reads, writes and deletes. Throws storage_failed. */
export async function openStore(options: DiskQueueOptions, parts: StoreParts): Promise<Store> {
  const { log, signal } = options;
  const disk = await options.folder();
  const quarantine = new Quarantine(disk, log, parts.metrics);
  const opening = openSegments({ disk, signal, log, metrics: parts.metrics, quarantine });
  const { segments, nextNumber, lost } = await opening.catch((error: unknown) => {
    throw new RemoraError('storage_failed', `The queue on disk cannot be read: ${errorMessage(error)}.`, {
      cause: error,
    });
  });
  if (lost.requests > 0) options.onLost({ ...lost, reason: 'damaged' });
  return new Store({ options, parts, disk, quarantine, segments, nextNumber });
}

interface StoreSetup {
  readonly options: DiskQueueOptions;
  readonly parts: StoreParts;
  readonly disk: Disk;
  readonly quarantine: Quarantine;
  readonly segments: Segment[];
  readonly nextNumber: number;
}

/** The segments of a queue, and who works on them. */
export class Store {
  readonly segments: Segment[];
  readonly appender: Appender;
  readonly backlog: Backlog;
  readonly notes: Notes;
  readonly trouble: Trouble;
  closing = false;
  readonly #setup: StoreSetup;

  constructor(setup: StoreSetup) {
    const { options, parts, disk, quarantine, segments } = setup;
    const { clock, random, log, signal, fsync } = options;
    const { metrics, segmentBytes, pool, onWritten, onRead, onLost, onSpace } = parts;
    this.#setup = setup;
    this.segments = segments;
    this.trouble = new Trouble({
      clock,
      random,
      log,
      probe: () => this.appender.probe(),
      onEnd: onSpace,
      onChange: (reason) => options.onTrouble?.(reason),
    });
    this.notes = new Notes({
      disk,
      clock,
      log,
      sync: fsync !== 'never',
      onDeleted: (segment) => this.#deleted(segment),
    });
    this.backlog = new Backlog({ disk, clock, log, metrics, quarantine, pool, segments, onRead, onLost });
    this.appender = new Appender({
      disk,
      clock,
      random,
      signal,
      segmentBytes,
      fsync,
      metrics,
      firstNumber: setup.nextNumber,
      onOpened: (segment) => this.segments.push(segment),
      onWritten,
      onClosed: (segment) => this.notes.note(segment, 0),
      onFailed: (error) => this.trouble.begin(error),
    });
    for (const segment of [...segments]) this.notes.note(segment, 0);
  }

  /** On disk, as it is. */
  get bytes(): number {
    let bytes = 0;
    for (const { size } of this.segments) bytes += size;
    return bytes;
  }

  /** Bytes on disk that count against the bound: an open segment of which nothing is left makes room when it must. */
  get usedBytes(): number {
    const open = this.appender.segment;
    return this.bytes - (open?.live.requests === 0 ? open.size : 0);
  }

  get restingRequests(): number {
    let requests = 0;
    for (const { resting } of this.segments) requests += resting.requests;
    return requests;
  }

  get firstResting(): Segment | undefined {
    return this.segments.find(({ resting }) => resting.requests > 0);
  }

  /** Bytes on disk of the segments that a lease keeps. */
  pinnedBytes(leased: ReadonlySet<Entry>): number {
    let bytes = 0;
    for (const [segment] of leasedOf(leased)) bytes += segment.size;
    return bytes;
  }

  /** The oldest segment with something in it that nobody has leased. */
  oldestEvictable(leased: ReadonlySet<Entry>): Segment | undefined {
    const counts = leasedOf(leased);
    return this.segments.find((segment) => segment.live.requests > (counts.get(segment) ?? 0));
  }

  /** Records of the segment left the queue. */
  left(segment: Segment, records = 1): void {
    this.notes.note(segment, records);
    if (segment.live.requests === 0) this.appender.letGoIfDrained();
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.trouble.stop();
    await this.backlog.close();
    try {
      await this.appender.close();
    } catch (error) {
      this.#setup.options.log.warn('The newest segment of a queue on disk could not be closed in order.', {
        error: errorMessage(error),
      });
    }
    await this.notes.close();
  }

  #deleted(segment: Segment): void {
    const at = this.segments.indexOf(segment);
    if (at !== -1) this.segments.splice(at, 1);
    this.backlog.letGo(segment);
    this.#setup.parts.onSpace();
  }
}

function leasedOf(leased: ReadonlySet<Entry>): Map<Segment, number> {
  const counts = new Map<Segment, number>();
  for (const { segment } of leased) if (segment !== undefined) counts.set(segment, (counts.get(segment) ?? 0) + 1);
  return counts;
}
