import type { ReceiverContext } from '../../core/component.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Count, MetricSpec } from '../../core/meter.ts';
import type { OtlpTransport, RequestHeaders } from '../../core/outside.ts';
import type { Signal } from '../../core/signal.ts';
import { GRPC } from '../../net/grpc/codes.ts';
import { checkRequest } from '../../otlp/check.ts';
import { answerTo, answerToError, OK, OUTCOMES, refusal, refusedNow, type Answer, type Outcome } from './answer.ts';
import { metadataOf } from './metadata.ts';

export const REQUESTS: MetricSpec = {
  name: 'remora_otlp_receiver_requests',
  help: 'OTLP requests by how they were answered.',
  kind: 'counter',
  labels: ['receiver', 'transport', 'outcome'],
};

export const REFUSED_CONNECTIONS: MetricSpec = {
  name: 'remora_otlp_receiver_refused_connections',
  help: 'Connections closed because they broke the protocol, were too slow, or were too many.',
  kind: 'counter',
  labels: ['receiver', 'transport', 'reason'],
};

export const REFUSALS = ['malformed', 'timeout', 'connections'] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface OtlpRequest {
  readonly bytes: Uint8Array;
  readonly headers: RequestHeaders;
}

/** What both transports do with a request once its bytes are there. */
export class Intake {
  readonly context: ReceiverContext;
  readonly transport: OtlpTransport;
  /** Counted under this transport. */
  readonly #next: ReceiverContext['next'];
  readonly #includesMetadata: boolean;
  readonly #missed: Set<Signal>;
  readonly #counts: ReadonlyMap<Outcome, Count>;
  readonly #refused: ReadonlyMap<Refusal, Count>;

  /** `missed` are the signals that came though no pipeline takes them: both transports of a receiver share it. */
  constructor(context: ReceiverContext, transport: OtlpTransport, includesMetadata: boolean, missed: Set<Signal>) {
    this.context = context;
    this.transport = transport;
    this.#includesMetadata = includesMetadata;
    this.#missed = missed;
    this.#next = context.via?.(transport) ?? context.next;
    const { meter, id: receiver } = context;
    const outcomeCount = (outcome: Outcome) => meter.counter(REQUESTS, { receiver, transport, outcome });
    const refusalCount = (reason: Refusal) => meter.counter(REFUSED_CONNECTIONS, { receiver, transport, reason });
    this.#counts = new Map(OUTCOMES.map((outcome) => [outcome, outcomeCount(outcome)]));
    this.#refused = new Map(REFUSALS.map((reason) => [reason, refusalCount(reason)]));
  }

  count(outcome: Outcome): void {
    const count = this.#counts.get(outcome);
    if (count !== undefined) count.value += 1;
  }

  countRefused(reason: Refusal): void {
    const count = this.#refused.get(reason);
    if (count !== undefined) count.value += 1;
  }

  /** The answer to a signal that no pipeline takes from this receiver, which the log tells once; undefined for others. */
  absenceOf(signal: Signal): Answer | undefined {
    if (this.#next[signal] !== undefined) return undefined;
    const message = `no pipeline of ${signal} has the receiver ${this.context.id}`;
    if (!this.#missed.has(signal)) this.context.log.warn(`Requests are refused: ${message}.`, { signal });
    this.#missed.add(signal);
    return refusal('unsupported', GRPC.UNIMPLEMENTED, 404, message);
  }

  /** What a request that announces `bytes` is refused with before it is read, if it is. */
  refusalOf(signal: Signal, bytes: number): Answer | undefined {
    const absent = this.absenceOf(signal);
    if (absent !== undefined) return absent;
    const refused = this.context.refusal?.(signal, bytes);
    return refused && refusedNow(refused, this.context.random);
  }

  /** A request of what stands in for sockets: as `export`, and counted. */
  async take(signal: Signal, bytes: Uint8Array, headers: RequestHeaders, abort: AbortSignal): Promise<Answer> {
    const answer = this.refusalOf(signal, bytes.length) ?? (await this.export(signal, { bytes, headers }, abort));
    this.count(answer.outcome);
    return answer;
  }

  /** Offers one ExportXServiceRequest to the pipelines. Never rejects. Its bytes are the pipeline's from now on. */
  async export(signal: Signal, request: OtlpRequest, abort: AbortSignal): Promise<Answer> {
    const { outside, id: receiverId } = this.context;
    const { transport } = this;
    const onAnswer = outside.tap?.request({ receiverId, transport, signal, ...request });
    const answer = await this.#export(signal, request, abort);
    onAnswer?.(answer);
    return answer;
  }

  async #export(signal: Signal, { bytes, headers }: OtlpRequest, abort: AbortSignal): Promise<Answer> {
    const { random, log } = this.context;
    const consumer = this.#next[signal];
    if (consumer === undefined) throw new Error(`BUG: no pipeline takes ${signal}.`);
    try {
      const items = checkRequest(signal, bytes);
      // An empty request succeeds (OTLP specification, OTLP/gRPC response), and there is nothing to hand on.
      if (items === 0) return OK;
      const batch = { signal, chunks: [bytes], bytes: bytes.length, items };
      const offered = this.#includesMetadata ? { ...batch, metadata: metadataOf(headers) } : batch;
      return answerTo(await consumer.consume(offered, abort), random);
    } catch (error) {
      const answer = answerToError(error, random);
      if (answer.outcome === 'failed') log.error('An OTLP request failed inside.', { error: errorMessage(error) });
      return answer;
    }
  }
}
