import { RemoraError } from '../../core/errors.ts';
import type { Signal } from '../../core/signal.ts';
import { ItemReader, type ItemView } from './item-reader.ts';
import { OTHER, Tally } from './tally.ts';

/** By what items are told apart. */
export const DIMENSIONS = ['service', 'route', 'severity', 'metric'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Metrics whose series are told apart by name; those of others are counted together. */
const MAX_METRICS = 10_000;

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

/** All items that go by in one place, added up: what comes in, or what one configuration delivers. */
export class Measure {
  /** By signal, with all that is around the items. */
  readonly signals = new Tally();
  readonly by: Readonly<Record<Dimension, Tally>> = {
    service: new Tally(),
    route: new Tally(),
    severity: new Tally(),
    metric: new Tally(),
  };
  /** By signal: spans with the status ERROR, log records of ERROR and worse. */
  readonly errors = new Tally();
  readonly #series = new Map<string, Set<number>>();
  readonly #reader: ItemReader;

  /** `onSpan` is shown the spans. */
  constructor(onSpan: (span: ItemView) => void) {
    this.#reader = new ItemReader((item) => {
      this.#add(item);
      if (item.signal === 'traces') onSpan(item);
    });
  }

  /** A request, cut between resources. Of a chunk that is malformed, what comes before that is told apart. */
  add(signal: Signal, chunks: readonly Uint8Array[], items: number): void {
    this.signals.addAll(signal, items, 0);
    for (const chunk of chunks) {
      this.signals.addAll(signal, 0, chunk.length);
      try {
        this.#reader.read(signal, chunk);
      } catch (error) {
        if (!(error instanceof RemoraError && error.code === 'payload_malformed')) throw error;
      }
    }
  }

  /** Distinct series of a metric. */
  seriesOf(metric: string): number {
    return this.#series.get(metric)?.size ?? 0;
  }

  metrics(): IterableIterator<string> {
    return this.#series.keys();
  }

  get series(): number {
    let count = 0;
    for (const { size } of this.#series.values()) count += size;
    return count;
  }

  #add(item: ItemView): void {
    const { signal, bytes, service } = item;
    this.by.service.add(service === '' ? '(none)' : service, bytes);
    if (item.isError) this.errors.add(signal, bytes);
    if (signal === 'traces') this.by.route.add(item.route, bytes);
    else if (signal === 'logs') this.by.severity.add(severityName(item.severity), bytes);
    else this.#addPoint(item);
  }

  #addPoint({ metric, series, bytes }: ItemView): void {
    this.by.metric.add(metric, bytes);
    const name = this.#series.size < MAX_METRICS || this.#series.has(metric) ? metric : OTHER;
    const known = this.#series.get(name);
    if (known === undefined) this.#series.set(name, new Set([series]));
    else known.add(series);
  }
}

function severityName(number: number): string {
  return SEVERITIES[Math.ceil(number / 4) - 1] ?? '(none)';
}
