import type { Component } from '../../core/component.ts';
import { endpointText } from '../../net/listen.ts';
import { HttpServer, type HttpServerOptions } from '../../net/http/server.ts';
import { maxBodyBytes, type HttpSettings } from './config.ts';
import { corsOf } from './cors.ts';
import { OtlpHttp } from './http.ts';
import type { Intake } from './intake.ts';
import { listenAddress, ServerTls, socketMode, watchConnections } from './serving.ts';

/** The HTTP half of the receiver. Opens nothing before `start`. */
export function httpProtocol(settings: HttpSettings, intake: Intake): Component {
  const { context } = intake;
  const tls = new ServerTls(settings.tls, intake);
  let server: HttpServer | undefined;
  const otlp = new OtlpHttp(intake, {
    paths: { traces: settings.traces_url_path, metrics: settings.metrics_url_path, logs: settings.logs_url_path },
    maxBodyBytes: maxBodyBytes(settings),
    codings: new Set<string>(settings.compression_algorithms),
    responseHeaders: Object.entries(settings.response_headers).flat(),
    ...(settings.cors === undefined ? {} : { cors: corsOf(settings.cors) }),
    isLeaving: () => server?.leaving ?? false,
    isStopping: () => server?.stopping ?? false,
  });
  return {
    async start() {
      const starting = new HttpServer(serverOptions(settings, intake), (exchange) => otlp.serve(exchange));
      server = starting;
      const bound = await starting.start(await tls.load());
      watchConnections(intake, () => starting.connections);
      tls.watch(starting.server);
      context.log.info('Receiving OTLP over HTTP.', { endpoint: endpointText(bound) });
    },
    async stop(deadline) {
      tls.stop();
      await server?.stop(deadline);
    },
  };
}

function serverOptions(settings: HttpSettings, intake: Intake): HttpServerOptions {
  return {
    clock: intake.context.clock,
    address: listenAddress(settings),
    socketMode: socketMode(settings),
    readTimeoutMs: settings.read_timeout,
    readHeaderTimeoutMs: settings.read_header_timeout,
    idleTimeoutMs: settings.idle_timeout,
    writeTimeoutMs: settings.write_timeout,
    keepAlives: settings.keep_alives_enabled,
    maxConnections: settings.max_connections,
    onRefused: (why) => intake.countRefused(why),
  };
}
