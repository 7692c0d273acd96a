import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Consumer } from '../../../src/core/component.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { REQUEST, RESOURCE_X, SCOPE_X, SPAN } from '../../../src/otlp/fields.ts';
import { Cursor } from '../../../src/otlp/wire.ts';
import { tailSamplingProcessor } from '../../../src/processors/tail-sampling/index.ts';
import { processorContext, type TestMeter } from '../../support/context.ts';
import { tracePayload } from '../payload.ts';
import type { CeilingScenario } from '../scenario.ts';

/** Spans of a request, each of another trace. */
const EACH = 512;
const SPANS_OF_TRACE = 4;
const WAIT_MS = 30_000;
const PASSES = 3;

/** An error, a slow trace, a route that nobody wants, and a tenth of the rest. */
const POLICIES = [
  { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
  { name: 'slow', type: 'latency', latency: { threshold_ms: 1e12 } },
  { name: 'some', type: 'string_attribute', string_attribute: { key: 'http.route', values: ['/nowhere'] } },
  { name: 'tenth', type: 'probabilistic', probabilistic: { sampling_percentage: 10, consistent: true } },
];

/** CPU time of everything that happens to a span, while `openTraces` wait for their decision. */
export function tailCost(name: string, openTraces: number, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per span',
    ceiling,
    async run({ smoke }) {
      const stream = await openStream(smoke ? openTraces / 10 : openTraces);
      await stream.fill();
      const requests = smoke ? 100 : 2000;
      // The quietest of several: others on the machine only add.
      let least = Infinity;
      for (let pass = 0; pass < PASSES; pass++) {
        const before = process.cpuUsage();
        for (let i = 0; i < requests; i++) await stream.send();
        const { user, system } = process.cpuUsage(before);
        least = Math.min(least, (user + system) / (requests * EACH));
      }
      const detail = `${stream.value('traces')} traces open, ${(1e6 / least / 1000).toFixed(0)} k spans per CPU-second`;
      await stream.end();
      return { value: least, detail };
    },
  };
}

/** Memory of the process for each byte of spans that wait. */
export function tailMemory(name: string, openTraces: number, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'bytes held per byte of spans',
    ceiling,
    async run({ smoke }) {
      const traces = smoke ? openTraces / 10 : openTraces;
      const before = heldBytes();
      const stream = await openStream(traces);
      await stream.fill();
      const held = heldBytes() - before;
      const spanBytes = stream.value('buffered_bytes');
      const own = (stream.value('memory_bytes') / spanBytes).toFixed(2);
      const detail = `${stream.value('traces')} traces, ${(spanBytes / 2 ** 20).toFixed(0)} MiB of spans, by its own count ${own}`;
      await stream.end();
      return { value: held / spanBytes, detail };
    },
  };
}

interface Stream {
  /** Sends until as many traces are open as there will be. */
  fill(): Promise<void>;
  /** One request, and the time until the next. */
  send(): Promise<void>;
  value(metric: string): number;
  end(): Promise<void>;
}

/** Requests at a steady rate, at which `openTraces` wait for their decision. */
async function openStream(openTraces: number): Promise<Stream> {
  const clock = new VirtualClock();
  const context = processorContext('traces', TAKES_ALL, { clock, id: 'tail_sampling' });
  const settings = { policies: POLICIES, decision_wait: `${WAIT_MS}ms`, num_traces: openTraces, max_bytes: '1GiB' };
  const parsed = tailSamplingProcessor.parse(settings);
  if (!parsed.ok) throw new Error('BUG: the settings of this scenario are invalid.');
  const sampler = await parsed.prepared.create(context);
  const requests = new Requests();
  // A little less, so that none is decided early.
  const stepMs = (WAIT_MS * EACH) / SPANS_OF_TRACE / (openTraces * 0.98);
  const abort = new AbortController().signal;
  const send = async (): Promise<void> => {
    const { status } = await sampler.consume(requests.next(), abort);
    if (status !== 'accepted') throw new Error(`BUG: tail sampling answered ${status}.`);
    await clock.advance(stepMs);
  };
  return {
    send,
    async fill() {
      for (let i = 0; i < WAIT_MS / stepMs; i++) await send();
    },
    value: (metric) => valueOf(context.meter, metric),
    end: async () => sampler.stop?.(abort),
  };
}

function valueOf(meter: TestMeter, metric: string): number {
  return (
    meter.value(`remora_tail_sampling_${metric}`, { processor: 'tail_sampling', pipeline: 'traces' }) ?? Number.NaN
  );
}

const TAKES_ALL: Consumer = {
  consume: (batch) => Promise.resolve(take(batch)),
  tryReserve: (batch) => ({ status: 'reserved', commit: () => take(batch), cancel: () => undefined }),
};

function take(batch: Batch): typeof ACCEPTED {
  freeBytes(batch);
  return ACCEPTED;
}

/** The same bytes again and again, with other trace ids: the spans of a trace are in requests that follow each other. */
class Requests {
  readonly #bytes = tracePayload(EACH, seededRandom('bench')).bytes;
  readonly #idAts = traceIdsIn(this.#bytes);
  #serial = 0;

  next(): Batch {
    const first = Math.floor(this.#serial++ / SPANS_OF_TRACE) * EACH;
    for (const [index, at] of this.#idAts.entries()) {
      const trace = first + index + 1;
      this.#bytes.writeUInt32LE(Math.imul(trace, 0x9e3779b1) >>> 0, at);
      this.#bytes.writeUInt32LE(trace, at + 4);
      this.#bytes.writeUInt32LE(Math.imul(trace, 0x85ebca6b) >>> 0, at + 9);
    }
    return makeBatch('traces', [this.#bytes], EACH);
  }
}

function traceIdsIn(bytes: Uint8Array): number[] {
  const found: number[] = [];
  const [request, resource, scope, span] = [new Cursor(bytes), new Cursor(), new Cursor(), new Cursor()];
  while (request.next()) {
    if (request.field !== REQUEST.resources) continue;
    for (resource.enter(request); resource.next();) {
      if (resource.field !== RESOURCE_X.scopes) continue;
      for (scope.enter(resource); scope.next();) {
        if (scope.field !== SCOPE_X.items) continue;
        for (span.enter(scope); span.next();) if (span.field === SPAN.traceId) found.push(span.start);
      }
    }
  }
  return found;
}

/** Of this process, once what is dead was collected. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  // What dies in the first is let go in the second.
  for (let i = 0; i < 3; i++) runInNewContext('gc()');
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
