import { defineReceiver, type Component, type ReceiverContext, type Resource } from '../../core/component.ts';
import type { Sockets } from '../../core/outside.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { endpointText } from '../../net/listen.ts';
import { otlpReceiverConfig, type OtlpReceiverConfig } from './config.ts';
import { grpcProtocol } from './grpc-protocol.ts';
import { httpProtocol } from './http-protocol.ts';
import { Intake, REFUSED_CONNECTIONS, REQUESTS } from './intake.ts';
import { CERTIFICATE_EXPIRY, CONNECTIONS, HANDSHAKE_FAILURES, listenAddress } from './serving.ts';

export const otlpReceiver = defineReceiver({
  type: 'otlp',
  summary: 'Receives traces, metrics and logs over OTLP/gRPC and OTLP/HTTP.',
  signals: SIGNALS,
  config: otlpReceiverConfig,
  metrics: [REQUESTS, CONNECTIONS, REFUSED_CONNECTIONS, CERTIFICATE_EXPIRY, HANDSHAKE_FAILURES],
  resources,
  metadata: ({ protocols: { grpc, http } }) =>
    grpc?.include_metadata === true || http?.include_metadata === true ? 'carries' : undefined,
  create({ protocols }, context) {
    const parts = protocolsOf(protocols, context);
    return {
      async start() {
        for (const part of parts) await part.start?.();
      },
      async stop(deadline) {
        await Promise.all(parts.map(async (part) => await part.stop?.(deadline)));
      },
    };
  },
});

function protocolsOf({ grpc, http }: OtlpReceiverConfig['protocols'], context: ReceiverContext): Component[] {
  const { sockets } = context.outside;
  const parts: Component[] = [];
  const missed = new Set<Signal>();
  if (grpc !== undefined) {
    const intake = new Intake(context, 'grpc', grpc.include_metadata, missed);
    parts.push(sockets === undefined ? grpcProtocol(grpc, intake) : served(sockets, intake));
  }
  if (http !== undefined) {
    const intake = new Intake(context, 'http', http.include_metadata, missed);
    parts.push(sockets === undefined ? httpProtocol(http, intake) : served(sockets, intake));
  }
  return parts;
}

/** Requests come from what stands in for sockets. */
function served(sockets: Sockets, intake: Intake): Component {
  let service: ReturnType<Sockets['serve']> | undefined;
  return {
    start() {
      service = sockets.serve(intake.context.id, intake.transport, (...request) => intake.take(...request));
      return Promise.resolve();
    },
    stop() {
      service?.close();
      return Promise.resolve();
    },
  };
}

function resources({ protocols }: OtlpReceiverConfig): Resource[] {
  const found: Resource[] = [];
  for (const protocol of ['grpc', 'http'] as const) {
    const settings = protocols[protocol];
    if (settings === undefined) continue;
    const endpoint = endpointText(listenAddress(settings));
    found.push({ kind: 'listen', endpoint, path: ['protocols', protocol, 'endpoint'] });
  }
  return found;
}
