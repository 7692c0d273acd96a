import { RemoraError } from '../../core/errors.ts';
import type { Signal } from '../../core/signal.ts';
import { ItemReader, type ItemView } from './item-reader.ts';
import { Distinct, Names, Tally } from './tally.ts';

/** By what items are told apart. */
export const DIMENSIONS = ['service', 'route', 'severity', 'metric'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

/** Names by dimension; measures that are compared share them. */
export type NamesBy = Readonly<Record<Dimension, Names>>;

export function namesBy(): NamesBy {
  return { service: new Names(), route: new Names(), severity: new Names(), metric: new Names() };
}

/** All items that go by in one place, added up: what comes in, or what one configuration delivers. */
export class Measure {
  /** By signal, with all that is around the items. */
  readonly signals = new Tally();
  readonly by: Readonly<Record<Dimension, Tally>>;
  /** Log records of ERROR and worse; one that several exporters deliver is one. */
  readonly errorLogs = new Distinct();
  /** Spans, each as many as it stands for after sampling. */
  spansRepresented = 0;
  /** Whether one of them stands for more than itself. */
  hasWeights = false;
  readonly #names: NamesBy;
  readonly #series = new Map<string, Set<number>>();
  readonly #reader: ItemReader;
  readonly #onErrorLog: (log: ItemView) => void;
  /** The exporter of the request that is read. */
  #from = '';

  /** `onSpan` is shown the spans, and `onErrorLog` the error logs that count. */
  constructor(names: NamesBy, onSpan: (span: ItemView) => void, onErrorLog: (log: ItemView) => void = () => undefined) {
    this.#names = names;
    this.#onErrorLog = onErrorLog;
    const { service, route, severity, metric } = names;
    this.by = {
      service: new Tally(service),
      route: new Tally(route),
      severity: new Tally(severity),
      metric: new Tally(metric),
    };
    this.#reader = new ItemReader((item) => {
      this.#add(item);
      if (item.signal === 'traces') onSpan(item);
    });
  }

  /** A request, cut between resources, by an exporter. Of a chunk that is malformed, what comes before that is told apart. */
  add(signal: Signal, chunks: readonly Uint8Array[], items: number, from = ''): void {
    this.signals.addAll(signal, items, 0);
    this.#from = from;
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
    if (signal === 'traces') {
      this.by.route.add(item.route, bytes);
      this.spansRepresented += item.weight;
      this.hasWeights ||= item.weight !== 1;
    } else if (signal === 'metrics') this.#addPoint(item);
    else {
      this.by.severity.add(severityName(item.severity), bytes);
      if (item.isError && this.errorLogs.add(this.#from, item.identity)) this.#onErrorLog(item);
    }
  }

  #addPoint({ metric, series, bytes }: ItemView): void {
    this.by.metric.add(metric, bytes);
    const name = this.#names.metric.of(metric);
    const known = this.#series.get(name);
    if (known === undefined) this.#series.set(name, new Set([series]));
    else known.add(series);
  }
}

/** Of a SeverityNumber. */
export function severityName(number: number): string {
  return SEVERITIES[Math.ceil(number / 4) - 1] ?? '(none)';
}
