import type { Count, Labels, Meter, MetricSpec } from '../../core/meter.ts';

const LABELS = ['exporter', 'data_type'] as const;

function spec(kind: 'counter' | 'gauge', name: string, help: string): MetricSpec {
  return { name: `remora_exporter_queue_${name}`, help, kind, labels: LABELS };
}

const DISK_BYTES = spec('gauge', 'disk_bytes', 'Bytes that the segments of the queue take on disk.');
const SEGMENTS = spec('gauge', 'segments', 'Segment files of the queue on disk.');
const STORAGE_FAILED = spec(
  'gauge',
  'storage_failed',
  'Whether the queue on disk cannot be written now, for example because the disk is full: 1 or 0.',
);
const SYNCS = spec(
  'counter',
  'syncs',
  'Times that the queue forced what it wrote to the disk; one serves many requests.',
);
const WRITTEN = spec('counter', 'written_bytes', 'Bytes that the queue wrote to its segments.');
const READ = spec('counter', 'read_bytes', 'Bytes that the queue read back because they were not in memory any more.');
const DAMAGED_RECORDS = spec('counter', 'damaged_records', 'Requests on disk that failed their checksum.');
const DAMAGED_BYTES = spec('counter', 'damaged_bytes', 'Bytes on disk that failed their checksum and were put aside.');
const TORN_RECORDS = spec(
  'counter',
  'torn_records',
  'Requests that were being written when an earlier process was killed: never acknowledged, and cut off.',
);
const STRANGE_FILES = spec(
  'counter',
  'strange_files',
  'Files in the directory of the queue that were left alone: not of our own, or of a newer version.',
);

/** Every metric that a queue on disk makes. */
export const diskQueueMetrics: readonly MetricSpec[] = [
  DISK_BYTES,
  SEGMENTS,
  STORAGE_FAILED,
  SYNCS,
  WRITTEN,
  READ,
  DAMAGED_RECORDS,
  DAMAGED_BYTES,
  TORN_RECORDS,
  STRANGE_FILES,
];

export class QueueMetrics {
  readonly syncs: Count;
  readonly writtenBytes: Count;
  readonly readBytes: Count;
  readonly damagedRecords: Count;
  readonly damagedBytes: Count;
  readonly tornRecords: Count;
  readonly strangeFiles: Count;
  readonly #meter: Meter;
  readonly #labels: Labels;

  constructor(meter: Meter, labels: Labels) {
    this.#meter = meter;
    this.#labels = labels;
    this.syncs = meter.counter(SYNCS, labels);
    this.writtenBytes = meter.counter(WRITTEN, labels);
    this.readBytes = meter.counter(READ, labels);
    this.damagedRecords = meter.counter(DAMAGED_RECORDS, labels);
    this.damagedBytes = meter.counter(DAMAGED_BYTES, labels);
    this.tornRecords = meter.counter(TORN_RECORDS, labels);
    this.strangeFiles = meter.counter(STRANGE_FILES, labels);
  }

  watch(readers: { diskBytes(): number; segments(): number; failed(): boolean }): void {
    this.#meter.gauge(DISK_BYTES, this.#labels, () => readers.diskBytes());
    this.#meter.gauge(SEGMENTS, this.#labels, () => readers.segments());
    this.#meter.gauge(STORAGE_FAILED, this.#labels, () => (readers.failed() ? 1 : 0));
  }
}
