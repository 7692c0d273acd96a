import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import type { LogFields, Logger } from '../../../../src/core/logger.ts';
import type { Signal } from '../../../../src/core/signal.ts';
import type { Explanation, SeriesVerdict } from '../../../../src/processors/cardinality-limit/explain/explanation.ts';
import { explainCardinality } from '../../../../src/processors/cardinality-limit/explain/index.ts';
import type { ExplainSettings } from '../../../../src/processors/cardinality-limit/explain/settings.ts';
import type { OwnLimits } from '../../../../src/processors/cardinality-limit/explain/suggestion.ts';
import { AdminBook } from '../../../../src/service/admin-book.ts';
import { processorContext, CollectingConsumer } from '../../../support/context.ts';
import { seenPoint, type ChangingMetric, type SeenFrom } from '../../../support/seen-points.ts';

export const WINDOW_MS = 600_000;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export interface ExplainRigOptions {
  readonly admin?: AdminBook;
  readonly id?: string;
  readonly pipeline?: string;
  readonly signal?: Signal;
  readonly settings?: Partial<ExplainSettings>;
  readonly own?: Partial<OwnLimits>;
}

/** What explains one limiter, with the limiter played by the test. */
export class ExplainRig {
  readonly clock = new VirtualClock(Date.UTC(2026, 10, 26, 12));
  readonly admin: AdminBook;
  readonly lines: LogLine[] = [];
  readonly context;
  readonly explanation: Explanation;

  constructor({
    admin = new AdminBook(),
    id = 'cardinality_limit',
    pipeline = 'metrics',
    signal = 'metrics',
    settings = {},
    own = {},
  }: ExplainRigOptions = {}) {
    this.admin = admin;
    const log = this.#log();
    const made = processorContext(signal, new CollectingConsumer(), { id, clock: this.clock, log, admin });
    this.context = { ...made, pipeline };
    this.explanation = explainCardinality({
      context: this.context,
      settings: { metrics: 30, labels: 32, samples: 5, ...settings },
      near: 0.8,
      windowMs: WINDOW_MS,
      own: { metrics: [], spans: undefined, logs: undefined, ...own },
    });
  }

  /** A series of `metric` comes for the first time: it has a place while there is one. */
  see(metric: ChangingMetric, from: SeenFrom): SeriesVerdict {
    const verdict = metric.series < metric.limit ? 'kept' : 'over';
    if (verdict === 'kept') metric.series += 1;
    const { place, start, end } = seenPoint(from);
    this.explanation.newSeries(metric, place, start, end, verdict);
    return verdict;
  }

  seeMany(metric: ChangingMetric, count: number, make: (i: number) => SeenFrom): void {
    for (let i = 0; i < count; i++) this.see(metric, make(i));
  }

  async endWindow(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      await this.clock.advance(WINDOW_MS);
      this.explanation.windowEnded();
    }
  }

  #log(): Logger {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}) => {
        this.lines.push({ level, message, fields });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}
