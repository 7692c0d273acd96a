import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otlpReceiver } from '../../../src/receivers/otlp/index.ts';
import { otlpReceiverConfig } from '../../../src/receivers/otlp/config.ts';
import { receiverContext } from '../../support/context.ts';

function issuesOf(raw: unknown): string[] {
  const parsed = otlpReceiver.parse(raw);
  return parsed.ok ? [] : parsed.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

test('a protocol that is null has every default of the Collector, and an absent one is off', () => {
  const { protocols } = otlpReceiverConfig().parse({ protocols: { grpc: null } });
  assert.equal(protocols.http, undefined);
  assert.equal(protocols.grpc?.endpoint, 'localhost:4317');
  assert.equal(protocols.grpc.max_recv_msg_size_mib, 4);
  const { http } = otlpReceiverConfig().parse({ protocols: { http: null } }).protocols;
  assert.ok(http);
  assert.equal(http.endpoint, 'localhost:4318');
  assert.equal(http.max_request_body_size, 20 * 1024 * 1024);
  assert.equal(http.read_header_timeout, 60_000);
  assert.equal(http.write_timeout, 30_000);
  assert.equal(http.idle_timeout, 60_000);
  assert.equal(http.read_timeout, 60_000);
  assert.equal(http.logs_url_path, '/v1/logs');
});

test('without a protocol the error is that of the Collector', () => {
  for (const raw of [null, {}, { protocols: {} }]) {
    assert.match(issuesOf(raw).join(), /must specify at least one protocol when using the OTLP receiver/);
  }
});

test('what cannot be honoured is refused with a way out', () => {
  assert.match(
    issuesOf({ protocols: { grpc: { auth: { authenticator: 'x' } } } }).join(),
    /grpc\.auth: .*client_ca_file/,
  );
  assert.match(
    issuesOf({ protocols: { http: { middlewares: [{ id: 'x' }] } } }).join(),
    /http\.middlewares: .*memory_limiter/,
  );
  assert.match(
    issuesOf({ protocols: { http: { compression_algorithms: ['snappy'] } } }).join(),
    /snappy is not available/,
  );
  assert.match(issuesOf({ protocols: { http: { endpoint: 'nonsense' } } }).join(), /http\.endpoint: .*host:port/);
  assert.match(
    issuesOf({ protocols: { http: { tls: { cert_file: 'a' } } } }).join(),
    /exactly one of key_file and key_pem/,
  );
  assert.equal(issuesOf({ protocols: { grpc: { unknown: 1 } } }).length, 1);
});

test('the addresses it will take are known before it starts', () => {
  const parsed = otlpReceiver.parse({
    protocols: { grpc: { endpoint: '[::1]:1' }, http: { endpoint: '/run/x.sock', transport: 'unix' } },
  });
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.prepared.resources, [
    { kind: 'listen', endpoint: '[::1]:1', path: ['protocols', 'grpc', 'endpoint'] },
    { kind: 'listen', endpoint: 'unix:///run/x.sock', path: ['protocols', 'http', 'endpoint'] },
  ]);
});

test('a receiver that never started can be stopped, twice', async () => {
  const parsed = otlpReceiver.parse({ protocols: { grpc: null, http: null } });
  assert.ok(parsed.ok);
  const receiver = await parsed.prepared.create(receiverContext({}));
  await receiver.stop?.(AbortSignal.timeout(10));
  await receiver.stop?.(AbortSignal.timeout(10));
});

test('an address that is taken is an error that names it', async (t) => {
  const start = async (endpoint: string) => {
    const parsed = otlpReceiver.parse({ protocols: { http: { endpoint } } });
    assert.ok(parsed.ok);
    let bound = '';
    const context = receiverContext({});
    const log = { ...context.log, info: (_: string, fields = {}) => void (bound = String(Object.values(fields)[0])) };
    const receiver = await parsed.prepared.create({ ...context, log });
    t.after(() => receiver.stop?.(AbortSignal.timeout(100)));
    await receiver.start?.();
    return bound;
  };
  const endpoint = await start('127.0.0.1:0');
  await assert.rejects(start(endpoint), new RegExp(`Cannot listen on ${endpoint}`));
});
