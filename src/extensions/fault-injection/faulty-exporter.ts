import { copyBatch, type Batch } from '../../core/batch.ts';
import { sleep, type Clock } from '../../core/clock.ts';
import type { Exporter } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Signal } from '../../core/signal.ts';
import { acceptedPartly, retry, type Verdict } from '../../core/verdict.ts';
import { splitBatch } from '../../otlp/split.ts';
import type { FaultConfig, FaultKind } from './config.ts';
import { DRAW_ORDER, type Fault } from './fault.ts';
import { INJECTED, injectedFailure, injectedRefusal } from './verdicts.ts';

export interface FaultyExporterOptions {
  readonly exporter: Exporter;
  readonly clock: Clock;
  /** The faults that may happen to requests of the signal; fixed. */
  readonly faultsOf: (signal: Signal) => readonly Fault[];
  readonly randomOf: (signal: Signal) => Random;
  readonly count: (signal: Signal, kind: FaultKind) => void;
}

/** What happens to one request. */
interface Lot {
  readonly delayMs: number;
  readonly kind: (typeof DRAW_ORDER)[number] | undefined;
  readonly config: FaultConfig | undefined;
}

/** The exporter with the faults that are on: everything else is passed through as it is. */
export function faultyExporter(options: FaultyExporterOptions): Exporter {
  const { exporter } = options;
  return {
    start: async () => exporter.start?.(),
    stop: async (deadline) => exporter.stop?.(deadline),
    send(batch, abort) {
      const faults = options.faultsOf(batch.signal);
      if (!faults.some(({ active }) => active)) return exporter.send(batch, abort);
      return sendFaulty(options, draw(options, batch.signal, faults), batch, abort);
    },
  };
}

function draw({ randomOf, count }: FaultyExporterOptions, signal: Signal, faults: readonly Fault[]): Lot {
  const random = randomOf(signal);
  let delayMs = 0;
  for (const { active, config } of faults) {
    if (!active) continue;
    const { delay } = config;
    if (delay !== undefined && random() < delay.rate) {
      count(signal, 'delay');
      delayMs += drawDelayMs(delay, random);
    }
    const kind = DRAW_ORDER.find((each) => {
      const one = config[each];
      return one !== undefined && random() < one.rate;
    });
    if (kind === undefined) continue;
    count(signal, kind);
    return { delayMs, kind, config };
  }
  return { delayMs, kind: undefined, config: undefined };
}

/** The mean of the exponential delays lies here between min and max. */
const MEAN_SHARE = 0.2;

function drawDelayMs({ min, max, distribution }: NonNullable<FaultConfig['delay']>, random: Random): number {
  const share = distribution === 'uniform' ? random() : Math.min(1, -Math.log(1 - random()) * MEAN_SHARE);
  return min + (max - min) * share;
}

async function sendFaulty(
  options: FaultyExporterOptions,
  lot: Lot,
  batch: Batch,
  abort: AbortSignal,
): Promise<Verdict> {
  const { exporter, clock, randomOf } = options;
  const { kind, config, delayMs } = lot;
  if (delayMs > 0 && !(await sleep(clock, delayMs, abort))) return aborted();
  if (kind === undefined || config === undefined) return exporter.send(batch, abort);
  switch (kind) {
    case 'hang':
      await sleep(clock, config.hang?.max ?? 0, abort);
      return aborted();
    case 'fail': {
      const answer = { code: config.fail?.code ?? 'UNAVAILABLE', retryAfterMs: config.fail?.retry_after };
      return injectedFailure(batch.signal, answer, clock.now());
    }
    case 'corrupt':
      return sendDamaged(exporter, damaged(batch, config.corrupt?.bytes ?? 1, randomOf(batch.signal)), abort);
    case 'partial':
      return sendPart(exporter, batch, config.partial?.share ?? 1, abort);
  }
}

function aborted(): Verdict {
  return retry(new RemoraError('upstream_unavailable', `The upstream did not answer: ${INJECTED}.`));
}

/** A copy, because the queue may send the same bytes again. */
function damaged(batch: Batch, bytes: number, random: Random): Batch {
  const copy = copyBatch(batch);
  const [chunk] = copy.chunks;
  for (let i = 0; chunk !== undefined && chunk.length > 0 && i < bytes; i++) {
    const at = Math.floor(random() * chunk.length);
    chunk[at] = (chunk[at] ?? 0) ^ (1 + Math.floor(random() * 255));
  }
  return copy;
}

/** An exporter may have to read what it sends, to cut it or to write it as JSON, and say that it cannot. */
async function sendDamaged(exporter: Exporter, batch: Batch, abort: AbortSignal): Promise<Verdict> {
  try {
    return await exporter.send(batch, abort);
  } catch (error) {
    return injectedRefusal(error);
  }
}

/** Sends the first items and refuses the rest, which stays unsent; what cannot be cut goes as it is. */
async function sendPart(exporter: Exporter, batch: Batch, share: number, abort: AbortSignal): Promise<Verdict> {
  const keptItems = Math.floor(batch.items * (1 - share));
  const message = `The upstream refused part of the request: ${INJECTED}.`;
  if (keptItems === 0) return acceptedPartly(batch.items, message);
  const kept = firstItems(batch, keptItems);
  const verdict = await exporter.send(kept, abort);
  if (verdict.status !== 'accepted') return verdict;
  return acceptedPartly(verdict.rejectedItems + batch.items - kept.items, verdict.message ?? message);
}

function firstItems(batch: Batch, items: number): Batch {
  try {
    return splitBatch(batch, { sizer: 'items', max: items })[0] ?? batch;
  } catch {
    return batch;
  }
}
