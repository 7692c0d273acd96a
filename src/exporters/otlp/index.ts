import { batchBytes, type Batch } from '../../core/batch.ts';
import { defineExporter, type Exporter, type ExporterContext } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { GrpcReply } from '../../core/outside.ts';
import { SIGNALS } from '../../core/signal.ts';
import { retry, type Verdict } from '../../core/verdict.ts';
import { openGrpcClient, type GrpcClient, type GrpcClientOptions } from '../../net/grpc/client.ts';
import { EXPORT_PATH } from '../../net/grpc/codes.ts';
import { grpcOutcome, noAnswer, type Outcome } from '../../net/outcome.ts';
import { TlsClient } from '../../net/tls-client.ts';
import { inPieces, type SendPiece } from '../pieces.ts';
import { tapped } from '../tapped.ts';
import { userAgent } from '../user-agent.ts';
import { otlpConfig, targetOf, usesTls, type OtlpConfig } from './config.ts';

export const otlpExporter = defineExporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  summary: 'Sends OTLP over gRPC to a collector or backend.',
  signals: SIGNALS,
  config: otlpConfig,
  sending: (config) => config,
  create: (config, context) => new OtlpExporter(config, context),
});

class OtlpExporter implements Exporter {
  readonly #config: OtlpConfig;
  readonly #context: ExporterContext;
  readonly #sendInPieces: SendPiece;
  #client: GrpcClient | undefined;
  #running = false;

  constructor(config: OtlpConfig, context: ExporterContext) {
    this.#config = config;
    this.#context = context;
    this.#sendInPieces = inPieces(
      config.max_request_bytes,
      tapped(context, 'grpc', (piece, abort) => this.#attempt(piece, abort)),
    );
  }

  async start(): Promise<void> {
    this.#running = true;
    if (this.#context.outside.sockets !== undefined) return;
    this.#client = await openGrpcClient(clientOptions(this.#config, this.#context));
  }

  stop(): Promise<void> {
    this.#running = false;
    this.#client?.close();
    this.#client = undefined;
    return Promise.resolve();
  }

  send(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    return this.#sendInPieces(batch, abort);
  }

  async #attempt(batch: Batch, abort: AbortSignal): Promise<Outcome> {
    if (!this.#running) return retry(new RemoraError('shutting_down', 'The exporter is not running.'));
    if (abort.aborted) return noAnswer(new Error('the attempt was aborted'));
    const reply = await this.#call(batch, abort);
    const outcome = grpcOutcome(batch.signal, reply);
    if (outcome.unreadable === true) {
      this.#context.log.warn('The upstream took the data but its answer is not an OTLP response.');
    }
    return outcome;
  }

  #call(batch: Batch, abort: AbortSignal): Promise<GrpcReply> {
    const { outside, id: exporterId } = this.#context;
    if (outside.sockets !== undefined) return outside.sockets.unary({ exporterId, ...batch }, abort);
    if (this.#client === undefined) throw new Error('BUG: the exporter runs without a connection.');
    return this.#client.unary(EXPORT_PATH[batch.signal], batchBytes(batch), abort);
  }
}

function clientOptions(config: OtlpConfig, context: ExporterContext): GrpcClientOptions {
  const { keepalive } = config;
  return {
    target: targetOf(config.endpoint),
    tls: usesTls(config) ? new TlsClient(config.tls, context.clock, context.log) : undefined,
    headers: new Map(Object.entries(config.headers).map(([name, value]) => [name, value.reveal()])),
    userAgent: config.user_agent ?? userAgent('gRPC'),
    gzip: config.compression === 'gzip',
    waitForReady: config.wait_for_ready,
    balancer: config.balancer_name,
    authority: config.authority,
    retryIntervalMs: config.retry_on_failure.max_interval,
    clock: context.clock,
    random: context.random,
    keepalive:
      keepalive === undefined
        ? undefined
        : { timeMs: keepalive.time, timeoutMs: keepalive.timeout, withoutStream: keepalive.permit_without_stream },
  };
}
