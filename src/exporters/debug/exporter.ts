import { batchBytes, type Batch } from '../../core/batch.ts';
import type { Exporter, ExporterContext } from '../../core/component.ts';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import type { Signal } from '../../core/signal.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import { REQUEST } from '../../otlp/fields.ts';
import { requestToJson } from '../../otlp/json.ts';
import { Cursor } from '../../otlp/wire.ts';
import { detailedLines } from './detailed.ts';
import { object } from './json.ts';
import { Lines } from './lines.ts';
import { normalLines } from './normal.ts';

export interface DebugSettings {
  readonly verbosity: 'basic' | 'normal' | 'detailed';
  readonly sampling_initial: number;
  readonly sampling_thereafter: number;
}

/** Where the text goes; settles when it was taken, rejects when it cannot be written. */
export type Sink = (text: string) => Promise<void>;

/** Text of one batch at most. */
const LIMIT_CHARS = 1024 * 1024;

const ITEMS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'data points', logs: 'log records' };

/** Shows what passes by. Never holds telemetry back: what cannot be shown is said and accepted. */
export class DebugExporter implements Exporter {
  readonly #settings: DebugSettings;
  readonly #context: ExporterContext;
  readonly #sink: Sink;
  #running = false;
  #secondStartMs = -Infinity;
  #inSecond = 0;

  constructor(settings: DebugSettings, context: ExporterContext, sink: Sink) {
    this.#settings = settings;
    this.#context = context;
    this.#sink = sink;
  }

  start(): Promise<void> {
    this.#running = true;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#running = false;
    return Promise.resolve();
  }

  async send(batch: Batch): Promise<Verdict> {
    if (!this.#running) return retry(new RemoraError('shutting_down', 'The exporter is not running.'));
    if (!this.#sampled()) return ACCEPTED;
    try {
      await this.#sink(describe(batch, this.#settings.verbosity));
    } catch (error) {
      this.#context.log.warn('The debug exporter cannot write its output.', { error: errorMessage(error) });
    }
    return ACCEPTED;
  }

  /** The first `sampling_initial` batches of each second, then every `sampling_thereafter`-th; 0 shows no more. */
  #sampled(): boolean {
    const nowMs = this.#context.clock.monotonic();
    if (nowMs - this.#secondStartMs >= 1000) {
      this.#secondStartMs = nowMs;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    const { sampling_initial: initial, sampling_thereafter: every } = this.#settings;
    return this.#inSecond <= initial || (every > 0 && (this.#inSecond - initial) % every === 0);
  }
}

function describe(batch: Batch, verbosity: DebugSettings['verbosity']): string {
  const lines = new Lines(LIMIT_CHARS);
  try {
    lines.add(summary(batch));
    if (verbosity !== 'basic') {
      const json = Buffer.from(requestToJson(batch.signal, batchBytes(batch))).toString('utf8');
      const request = object(JSON.parse(json));
      (verbosity === 'normal' ? normalLines : detailedLines)(batch.signal, request, lines);
    }
  } catch (error) {
    lines.add(`${batch.signal}: ${batch.bytes} bytes that cannot be shown: ${errorMessage(error)}`);
  }
  return lines.toString();
}

function summary(batch: Batch): string {
  let resources = 0;
  const cursor = new Cursor();
  for (const chunk of batch.chunks) {
    for (cursor.reset(chunk, 0, chunk.length); cursor.next();) if (cursor.field === REQUEST.resources) resources += 1;
  }
  return `${batch.signal}: ${batch.items} ${ITEMS[batch.signal]} in ${resources} resources, ${batch.bytes} bytes`;
}
