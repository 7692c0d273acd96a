import type { Server as TlsSocketServer } from 'node:tls';
import type { Server } from 'node:net';
import type { Timer } from '../../core/clock.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { mustParseListenEndpoint, type ListenAddress, type ListenTransport } from '../../net/listen.ts';
import { loadServerTls, reloadServerTls, type LoadedTls, type TlsServerSettings } from '../../net/tls-server.ts';
import type { Intake } from './intake.ts';

/** What both protocols need around their server. */

export const CONNECTIONS: MetricSpec = {
  name: 'remora_otlp_receiver_connections',
  help: 'Open connections.',
  kind: 'gauge',
  labels: ['receiver', 'transport'],
};

export const CERTIFICATE_EXPIRY: MetricSpec = {
  name: 'remora_tls_certificate_expiry_timestamp_seconds',
  help: 'When the TLS certificate in use ends.',
  kind: 'gauge',
  labels: ['component', 'transport'],
};

export const HANDSHAKE_FAILURES: MetricSpec = {
  name: 'remora_tls_handshake_failures',
  help: 'TLS handshakes of clients that failed.',
  kind: 'counter',
  labels: ['component', 'transport'],
};

export function listenAddress(settings: {
  readonly endpoint: string;
  readonly transport: ListenTransport;
}): ListenAddress {
  return mustParseListenEndpoint(settings.endpoint, settings.transport);
}

export function socketMode(settings: { readonly socket_mode: string }): number {
  return Number.parseInt(settings.socket_mode, 8);
}

export function watchConnections({ context, transport }: Intake, read: () => number): void {
  context.meter.gauge(CONNECTIONS, { receiver: context.id, transport }, read);
}

/** The certificate of one server: loaded, watched, reloaded, its end shown. Does nothing without `tls` settings. */
export class ServerTls {
  readonly #settings: TlsServerSettings | undefined;
  readonly #intake: Intake;
  #reload: Timer | undefined;

  constructor(settings: TlsServerSettings | undefined, intake: Intake) {
    this.#settings = settings;
    this.#intake = intake;
  }

  async load(): Promise<LoadedTls | undefined> {
    if (this.#settings === undefined) return undefined;
    const loaded = await loadServerTls(this.#settings);
    this.#show(loaded);
    return loaded;
  }

  watch(server: Server | undefined): void {
    if (this.#settings === undefined || !isTlsServer(server)) return;
    const { context, transport } = this.#intake;
    const failures = context.meter.counter(HANDSHAKE_FAILURES, { component: context.id, transport });
    server.on('tlsClientError', () => void (failures.value += 1));
    this.#reload = reloadServerTls(server, {
      settings: this.#settings,
      clock: context.clock,
      log: context.log,
      onLoaded: (tls) => this.#show(tls),
    });
  }

  stop(): void {
    this.#reload?.cancel();
  }

  #show({ notAfterMs }: LoadedTls): void {
    const { context, transport } = this.#intake;
    context.meter.gauge(CERTIFICATE_EXPIRY, { component: context.id, transport }, () => notAfterMs / 1000);
  }
}

function isTlsServer(server: Server | undefined): server is TlsSocketServer {
  return server !== undefined && 'setSecureContext' in server;
}
