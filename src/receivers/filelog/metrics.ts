import type { ReceiverContext } from '../../core/component.ts';
import type { Count, Labels, MetricSpec } from '../../core/meter.ts';
import { WINDOW_BYTES } from './bounds.ts';
import { SKIP_REASONS, type SkipReason } from './discovery/skipped.ts';
import type { IncompleteCounts, IncompleteReason } from './joining/caps.ts';

/** Files that have a series of their own. */
const MAX_FILE_SERIES = 20;

const labels = ['receiver'] as const;

function counter(name: string, help: string): MetricSpec {
  return { name, help, kind: 'counter', labels };
}

function gauge(name: string, help: string): MetricSpec {
  return { name, help, kind: 'gauge', labels };
}

const OPEN_FILES = gauge('otelcol_fileconsumer_open_files', 'Files that are open.');
const READING_FILES = gauge('otelcol_fileconsumer_reading_files', 'Files with bytes to read.');
const UNREAD_BYTES: MetricSpec = {
  name: 'remora_filelog_unread_bytes',
  help: `Bytes in open files that were not read and acknowledged yet: the ${MAX_FILE_SERIES} files with most of them, and all others as file="other".`,
  kind: 'gauge',
  labels: ['receiver', 'file'],
};
const UNACKNOWLEDGED_BYTES = gauge(
  'remora_filelog_unacknowledged_bytes',
  `Bytes that were read and that a crash at this moment would repeat: up to ${WINDOW_BYTES >> 20} MiB of batches and one chunk that await their acknowledgement, and what was acknowledged since the last checkpoint, at most a second ago.`,
);
const WAITING_FILES = gauge('remora_filelog_waiting_files', 'Files that match and wait for a descriptor.');
const LONG_LINES = counter('remora_filelog_long_lines', 'Cuts made in lines longer than max_log_size.');
const SKIPPED_NULS = counter(
  'remora_filelog_skipped_nul_bytes',
  'Zero bytes at the start of lines, which a writer leaves that was not told of a truncation.',
);
const INCOMPLETE_RECORDS: MetricSpec = {
  name: 'remora_filelog_incomplete_records',
  help: 'Joined records that were sent before they were whole: a bound in bytes, lines or memory was reached, or the rest did not come in time.',
  kind: 'counter',
  labels: ['receiver', 'reason'],
};
const HELD_BYTES = gauge('remora_filelog_held_bytes', 'Bytes of lines that wait for the rest of their record.');
const ROTATIONS = counter(
  'remora_filelog_rotations',
  'Files that were renamed away or removed while they were followed.',
);
const TRUNCATIONS = counter('remora_filelog_truncations', 'Files that were truncated or rewritten in place.');
const REJECTED_LINES = counter('remora_filelog_rejected_lines', 'Lines that the pipeline refused for good.');
const DROPPED_LINES = counter('remora_filelog_dropped_lines', 'Lines that operators dropped.');
const PARSE_ERRORS = counter('remora_filelog_parse_errors', 'Failures of operators to parse a line.');
const UNREADABLE = counter(
  'remora_filelog_unreadable',
  'Failed attempts to list a directory, or to open or read a file.',
);
const LOST_BYTES = counter(
  'remora_filelog_lost_bytes',
  'Bytes that were seen in a file and cut off, or removed with the file, before they were read.',
);
const DELETED = counter('remora_filelog_deleted_files', 'Files that delete_after_read deleted.');
const FORGOTTEN = counter(
  'remora_filelog_forgotten_files',
  'Files that came and went, and are forgotten because there were too many; one that comes back is read again.',
);
const SKIPPED: MetricSpec = {
  name: 'remora_filelog_skipped_files',
  help: `Names that match and are not read, by reason: ${SKIP_REASONS.join(', ')}.`,
  kind: 'gauge',
  labels: ['receiver', 'reason'],
};
const CHECKPOINT_WRITES = counter('remora_filelog_checkpoint_writes', 'Checkpoints written.');
const CHECKPOINT_FAILURES = counter(
  'remora_filelog_checkpoint_failures',
  'Checkpoints that failed to be read or written.',
);

export const FILELOG_METRICS: readonly MetricSpec[] = [
  OPEN_FILES,
  READING_FILES,
  UNREAD_BYTES,
  UNACKNOWLEDGED_BYTES,
  WAITING_FILES,
  LONG_LINES,
  SKIPPED_NULS,
  INCOMPLETE_RECORDS,
  HELD_BYTES,
  ROTATIONS,
  TRUNCATIONS,
  REJECTED_LINES,
  DROPPED_LINES,
  PARSE_ERRORS,
  UNREADABLE,
  LOST_BYTES,
  DELETED,
  FORGOTTEN,
  SKIPPED,
  CHECKPOINT_WRITES,
  CHECKPOINT_FAILURES,
];

interface ObservedFiles {
  readonly size: number;
  readonly waiting: number;
  readonly crashWindow: { readonly bytes: number };
  all(): Iterable<{ readonly path: string; readonly unreadBytes: number }>;
}

/** The receiver's counters, and gauges that are read when scraped. */
export class FilelogMetrics {
  readonly longLines: Count;
  readonly skippedNuls: Count;
  readonly incomplete: IncompleteCounts;
  readonly rotations: Count;
  readonly truncations: Count;
  readonly rejectedLines: Count;
  readonly droppedLines: Count;
  readonly parseErrors: Count;
  readonly unreadable: Count;
  readonly lostBytes: Count;
  readonly deleted: Count;
  readonly forgotten: Count;
  readonly checkpointWrites: Count;
  readonly checkpointFailures: Count;
  /** As of the last look. */
  skipped: ReadonlyMap<SkipReason, number> = new Map();
  readonly #context: ReceiverContext;

  constructor(context: ReceiverContext) {
    this.#context = context;
    const count = (spec: MetricSpec): Count => context.meter.counter(spec, { receiver: context.id });
    this.longLines = count(LONG_LINES);
    this.skippedNuls = count(SKIPPED_NULS);
    this.incomplete = this.#incompleteCounts();
    this.rotations = count(ROTATIONS);
    this.truncations = count(TRUNCATIONS);
    this.rejectedLines = count(REJECTED_LINES);
    this.droppedLines = count(DROPPED_LINES);
    this.parseErrors = count(PARSE_ERRORS);
    this.unreadable = count(UNREADABLE);
    this.lostBytes = count(LOST_BYTES);
    this.deleted = count(DELETED);
    this.forgotten = count(FORGOTTEN);
    this.checkpointWrites = count(CHECKPOINT_WRITES);
    this.checkpointFailures = count(CHECKPOINT_FAILURES);
    for (const reason of SKIP_REASONS) {
      context.meter.gauge(SKIPPED, { receiver: context.id, reason }, () => this.skipped.get(reason) ?? 0);
    }
    this.observeHeld({ bytes: 0 });
    this.observe(NOTHING, { readySize: 0 });
  }

  /** From now on the gauges read from here. */
  observe(files: ObservedFiles, scheduler: { readonly readySize: number }): void {
    this.#gauge(OPEN_FILES, () => files.size);
    this.#gauge(READING_FILES, () => scheduler.readySize);
    this.#gauge(WAITING_FILES, () => files.waiting);
    this.#gauge(UNACKNOWLEDGED_BYTES, () => files.crashWindow.bytes);
    const { meter, id } = this.#context;
    meter.gaugeSeries(UNREAD_BYTES, { receiver: id }, () => unreadByFile(files.all()));
  }

  /** From now on the gauge reads from here. */
  observeHeld(budget: { readonly bytes: number }): void {
    this.#gauge(HELD_BYTES, () => budget.bytes);
  }

  #incompleteCounts(): IncompleteCounts {
    const { meter, id } = this.#context;
    const count = (reason: IncompleteReason): Count => meter.counter(INCOMPLETE_RECORDS, { receiver: id, reason });
    return { bytes: count('bytes'), lines: count('lines'), memory: count('memory'), time: count('time') };
  }

  #gauge(spec: MetricSpec, read: () => number): void {
    this.#context.meter.gauge(spec, { receiver: this.#context.id }, read);
  }
}

const NOTHING: ObservedFiles = { size: 0, waiting: 0, crashWindow: { bytes: 0 }, all: () => [] };

function unreadByFile(files: ReturnType<ObservedFiles['all']>): [Labels, number][] {
  const behind = [...files].filter(({ unreadBytes }) => unreadBytes > 0);
  behind.sort((a, b) => b.unreadBytes - a.unreadBytes);
  // Several generations of one file may have the same name in between two looks.
  const named = new Map<string, number>();
  let others = 0;
  for (const { path, unreadBytes } of behind) {
    const known = named.get(path);
    if (known !== undefined || named.size < MAX_FILE_SERIES) named.set(path, (known ?? 0) + unreadBytes);
    else others += unreadBytes;
  }
  return [...Array.from(named, ([file, bytes]): [Labels, number] => [{ file }, bytes]), [{ file: 'other' }, others]];
}
