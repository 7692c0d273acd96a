import type { Component } from '../../core/component.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import { EXPORT_PATH, GRPC } from '../../net/grpc/codes.ts';
import type { CallFault, UnaryAnswer, UnaryMethod } from '../../net/grpc/server-call.ts';
import { UnaryServer, type UnaryServerOptions } from '../../net/grpc/server.ts';
import type { GrpcStatus } from '../../net/grpc/status.ts';
import { endpointText } from '../../net/listen.ts';
import { encodeResponse, encodeStatus } from '../../otlp/response.ts';
import { noRoom, stopping, type Answer, type Outcome } from './answer.ts';
import { maxMessageBytes, type GrpcSettings } from './config.ts';
import type { Intake } from './intake.ts';
import { listenAddress, ServerTls, socketMode, watchConnections } from './serving.ts';

/** The gRPC half of the receiver. Opens nothing before `start`. */
export function grpcProtocol(settings: GrpcSettings, intake: Intake): Component {
  const { context } = intake;
  const tls = new ServerTls(settings.tls, intake);
  const server = new UnaryServer(serverOptions(settings, intake));
  return {
    async start() {
      const bound = await server.start(await tls.load());
      watchConnections(intake, () => server.connections);
      tls.watch(server.server);
      context.log.info('Receiving OTLP over gRPC.', { endpoint: endpointText(bound) });
    },
    async stop(deadline) {
      tls.stop();
      await server.stop(deadline);
    },
  };
}

/** grpc-go, and so the Collector, takes a time of 0 for one that is not set. */
const PING_AFTER_MS = 7_200_000;
const PING_TIMEOUT_MS = 20_000;

function serverOptions(settings: GrpcSettings, intake: Intake): UnaryServerOptions {
  const { clock, random, admission } = intake.context;
  const { server_parameters: server, enforcement_policy: enforcement } = settings.keepalive;
  return {
    clock,
    random,
    admission,
    methods: methodsOf(intake),
    address: listenAddress(settings),
    socketMode: socketMode(settings),
    limitBytes: Math.min(maxMessageBytes(settings), admission.largestBytes),
    receiveTimeoutMs: settings.receive_timeout,
    maxConnections: settings.max_connections,
    maxConcurrentCalls: settings.max_concurrent_streams === 0 ? 1000 : settings.max_concurrent_streams,
    connectionTimeoutMs: settings.connection_timeout,
    pingAfterMs: server.time || PING_AFTER_MS,
    pingTimeoutMs: server.timeout || PING_TIMEOUT_MS,
    maxIdleMs: server.max_connection_idle || undefined,
    maxAgeMs: server.max_connection_age || undefined,
    maxAgeGraceMs: server.max_connection_age_grace || undefined,
    minPingMs: enforcement.min_time,
    pingWithoutCalls: enforcement.permit_without_stream,
    tryRefuse: (path) => tryRefuse(intake, SIGNAL_OF[path]),
    onFault: (fault, status) => explain(intake, fault, status),
    onCancelled: () => intake.count('cancelled'),
    onRefused: (why) => intake.countRefused(why),
  };
}

/** Those of signals that no pipeline takes are refused before: UNIMPLEMENTED, as the Collector answers. */
function methodsOf(intake: Intake): ReadonlyMap<string, UnaryMethod> {
  const methods = new Map<string, UnaryMethod>();
  for (const signal of SIGNALS) {
    methods.set(EXPORT_PATH[signal], async (bytes, headers, abort) => {
      const decided = await intake.export(signal, { bytes, headers }, abort);
      if (!abort.aborted) intake.count(decided.outcome);
      if (decided.code !== GRPC.OK) return { status: statusOf(decided) };
      return { status: OK_STATUS, message: encodeResponse(signal, decided.rejectedItems, decided.message, 'proto') };
    });
  }
  return methods;
}

const OK_STATUS: UnaryAnswer['status'] = { code: GRPC.OK, message: '' };

function statusOf({ code, message, retryAfterMs }: Answer): GrpcStatus {
  return { code, message, details: encodeStatus(code, message, retryAfterMs, 'proto') };
}

const SIGNAL_OF: Readonly<Record<string, Signal>> = Object.fromEntries(
  SIGNALS.map((signal) => [EXPORT_PATH[signal], signal]),
);

/** The size of a message is not in the headers of its call. */
function tryRefuse(intake: Intake, signal: Signal | undefined): GrpcStatus | undefined {
  const refused = signal && intake.refusalOf(signal, 0);
  if (refused === undefined) return undefined;
  intake.count(refused.outcome);
  return statusOf(refused);
}

const OUTCOME_OF: Readonly<Record<CallFault, Outcome>> = {
  unsupported: 'unsupported',
  malformed: 'malformed',
  too_large: 'too_large',
  no_room: 'no_room',
  stopping: 'stopping',
  timeout: 'cancelled',
};

/** Counts a call that failed before the pipelines saw it; says when to retry where retrying helps. */
function explain(intake: Intake, fault: CallFault, status: GrpcStatus): GrpcStatus {
  intake.count(OUTCOME_OF[fault]);
  const { random } = intake.context;
  if (fault === 'no_room') return statusOf(noRoom(random));
  if (fault === 'stopping') return statusOf(stopping(random));
  return status;
}
