import { joinBatches, makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Consumer, Reservation } from '../../../src/core/component.ts';
import type { Signal } from '../../../src/core/signal.ts';
import type { Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { rateLimitProcessor } from '../../../src/processors/rate-limit/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest } from '../../support/otlp-proto.ts';

/** Log records of one resource that belongs to `tenant`. */
export function logsOf(tenant: string | number | undefined, items: number): Batch {
  const value = typeof tenant === 'number' ? { intValue: tenant } : { stringValue: tenant };
  const attributes = [
    { key: 'service.name', value: { stringValue: 'shop' } },
    ...(tenant === undefined ? [] : [{ key: 'tenant.id', value }]),
  ];
  const logRecords = Array.from({ length: items }, (_, number) => ({ body: { stringValue: `line ${number}` } }));
  const json = { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] };
  return makeBatch('logs', [encodeRequest('logs', json)], items);
}

/** Several resources in one chunk, as they come in one request. */
export function mixed(...batches: readonly Batch[]): Batch {
  const joined = joinBatches(batches);
  return makeBatch(joined.signal, [Buffer.concat(joined.chunks)], joined.items);
}

/** Takes everything, also by reservation, unless `answer` says otherwise. */
export class ReservingConsumer extends CollectingConsumer {
  refusal: Exclude<Reservation, { status: 'reserved' }> | undefined;
  cancelled = 0;

  tryReserve(batch: Batch): Reservation {
    if (this.refusal !== undefined) return this.refusal;
    return {
      status: 'reserved',
      commit: (abort): Promise<Verdict> => this.consume(batch, abort),
      cancel: () => void (this.cancelled += 1),
    };
  }
}

/** The processor as configured, on a virtual clock. */
export async function rateRig(raw: Readonly<Record<string, unknown>>, to?: Consumer, signal: Signal = 'logs') {
  const clock = new VirtualClock();
  const next = new CollectingConsumer();
  const context = processorContext(signal, to ?? next, { clock, id: 'rate_limit' });
  const parsed = rateLimitProcessor.parse(raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const processor = await parsed.prepared.create(context);
  const abort = new AbortController().signal;
  return {
    clock,
    next,
    processor,
    account: context.account,
    offer: async (batch: Batch): Promise<Verdict> => {
      const verdict = await processor.consume(batch, abort);
      // As the edge into it books it.
      if (verdict.status === 'accepted') context.account.received += batch.items;
      return verdict;
    },
    limited: (tenant: string): number =>
      context.meter.value('remora_processor_rate_limited_items', { processor: 'rate_limit', tenant }) ?? 0,
    overflowed: (): number =>
      context.meter.value('remora_processor_rate_limit_overflow_items', { processor: 'rate_limit' }) ?? 0,
  };
}
