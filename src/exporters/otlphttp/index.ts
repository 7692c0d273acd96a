import { batchBytes, type Batch } from '../../core/batch.ts';
import { defineExporter, type Exporter, type ExporterContext } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import type { HttpReply } from '../../core/outside.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { rejected, retry, type Verdict } from '../../core/verdict.ts';
import { compress } from '../../net/compress.ts';
import { openHttpClient, type HttpClient } from '../../net/http/client.ts';
import { httpOutcome, noAnswer, responseTooLarge, type Outcome } from '../../net/outcome.ts';
import { TlsClient } from '../../net/tls-client.ts';
import { requestToJson } from '../../otlp/json.ts';
import { inPieces, type SendPiece } from '../pieces.ts';
import { tapped } from '../tapped.ts';
import { userAgent } from '../user-agent.ts';
import { otlphttpConfig, urlFor, type OtlphttpConfig } from './config.ts';

/**
 * OTLP/JSON of a request can be several times its protobuf: batches are cut so that it still fits max_request_bytes for
 * all but the oddest data.
 */
const JSON_GROWTH = 4;

export const otlphttpExporter = defineExporter({
  type: 'otlphttp',
  aliases: ['otlp_http'],
  summary: 'Sends OTLP over HTTP to a collector or backend.',
  signals: SIGNALS,
  config: otlphttpConfig,
  sending: (config) => config,
  create: (config, context) => new OtlphttpExporter(config, context),
});

/** Where one signal goes. */
interface Route {
  readonly client: HttpClient;
  readonly path: string;
}

class OtlphttpExporter implements Exporter {
  readonly #config: OtlphttpConfig;
  readonly #context: ExporterContext;
  readonly #headers: readonly string[];
  readonly #sendInPieces: SendPiece;
  /** Of the signals that have an endpoint. */
  readonly #urls = new Map<Signal, URL>();
  readonly #routes = new Map<Signal, Route>();
  readonly #clients = new Map<string, HttpClient>();
  #phase: 'created' | 'running' | 'stopped' = 'created';

  constructor(config: OtlphttpConfig, context: ExporterContext) {
    this.#config = config;
    this.#context = context;
    this.#headers = headersOf(config);
    for (const signal of SIGNALS) {
      const url = urlFor(config, signal);
      if (url !== undefined) this.#urls.set(signal, url);
    }
    const limitBytes =
      config.encoding === 'json' ? Math.ceil(config.max_request_bytes / JSON_GROWTH) : config.max_request_bytes;
    this.#sendInPieces = inPieces(
      limitBytes,
      tapped(context, 'http', (piece, abort) => this.#attempt(piece, abort)),
    );
  }

  async start(): Promise<void> {
    if (this.#context.outside.sockets === undefined) await this.#open();
    this.#phase = 'running';
  }

  async #open(): Promise<void> {
    const tls = new TlsClient(this.#config.tls, this.#context.clock, this.#context.log);
    for (const [signal, url] of this.#urls) {
      const client = this.#clients.get(url.origin) ?? (await openHttpClient(clientOptions(this.#config, url, tls)));
      this.#clients.set(url.origin, client);
      this.#routes.set(signal, { client, path: url.pathname + url.search });
    }
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#routes.clear();
    await Promise.all(Array.from(this.#clients.values(), (client) => client.close()));
    this.#clients.clear();
  }

  send(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    return this.#sendInPieces(batch, abort);
  }

  async #attempt(batch: Batch, abort: AbortSignal): Promise<Outcome> {
    if (this.#phase !== 'running') return retry(new RemoraError('shutting_down', 'The exporter is not running.'));
    if (abort.aborted) return noAnswer(new Error('the attempt was aborted'));
    if (!this.#urls.has(batch.signal)) return noRoute(batch.signal);
    try {
      return this.#judge(batch, await this.#post(batch, abort));
    } catch (error) {
      return verdictOf(error);
    }
  }

  #post(batch: Batch, abort: AbortSignal): Promise<HttpReply> {
    const { outside, id: exporterId } = this.#context;
    if (outside.sockets !== undefined) return outside.sockets.post({ exporterId, ...batch }, abort);
    const route = this.#routes.get(batch.signal);
    if (route === undefined) throw new Error('BUG: the exporter runs without a connection.');
    const { compression, compression_params: params, encoding } = this.#config;
    const plain = compression === 'none' || compression === '';
    if (plain && encoding === 'proto') return route.client.post(route.path, this.#headers, batch.chunks, abort);
    const bytes = batchBytes(batch);
    const body = encoding === 'json' ? requestToJson(batch.signal, bytes) : bytes;
    if (plain) return route.client.post(route.path, this.#headers, body, abort);
    const compressed = compress(body, compression, params.level);
    if (!(compressed instanceof Promise)) return route.client.post(route.path, this.#headers, compressed, abort);
    return compressed.then((ready) => route.client.post(route.path, this.#headers, ready, abort));
  }

  #judge(batch: Batch, reply: HttpReply): Outcome {
    const { clock, log } = this.#context;
    const outcome = httpOutcome(batch.signal, reply, this.#config.encoding, clock.now());
    if (outcome.unreadable === true) {
      log.warn('The upstream took the data but its answer is not an OTLP response.', { status: reply.status });
    }
    return outcome;
  }
}

function noRoute(signal: Signal): Verdict {
  const text = `Neither endpoint nor ${signal}_endpoint is configured.`;
  return rejected(new RemoraError('config_invalid', text));
}

function verdictOf(error: unknown): Verdict {
  if (!(error instanceof RemoraError)) return noAnswer(error);
  // What cannot be written as JSON cannot be written the next time either.
  return error.code === 'upstream_response_too_large' ? responseTooLarge() : rejected(error);
}

function headersOf(config: OtlphttpConfig): readonly string[] {
  const headers = new Map<string, string>([
    ['content-type', config.encoding === 'json' ? 'application/json' : 'application/x-protobuf'],
    ['user-agent', config.user_agent ?? userAgent('HTTP')],
  ]);
  if (config.compression === 'gzip' || config.compression === 'zstd') {
    headers.set('content-encoding', config.compression);
  }
  for (const [name, value] of Object.entries(config.headers)) headers.set(name.toLowerCase(), value.reveal());
  return [...headers].flat();
}

function clientOptions(config: OtlphttpConfig, url: URL, tls: TlsClient) {
  return {
    origin: url.origin,
    tls,
    maxConnections: config.max_conns_per_host,
    idleTimeoutMs: config.idle_conn_timeout,
    keepAlive: !config.disable_keep_alives,
    http2: config.force_attempt_http2,
    proxyUrl: config.proxy_url,
  };
}
