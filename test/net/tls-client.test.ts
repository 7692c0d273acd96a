import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import type { ExporterDefinition } from '../../src/core/component.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { otlpExporter } from '../../src/exporters/otlp/index.ts';
import { otlphttpExporter } from '../../src/exporters/otlphttp/index.ts';
import { TlsClient, tlsClientSettings } from '../../src/net/tls-client.ts';
import { NEVER, startExporter } from '../support/exporters.ts';
import { grpcUpstream } from '../support/grpc-upstream.ts';
import { httpUpstream } from '../support/http-upstream.ts';
import { traceBatch } from '../support/otlp-requests.ts';

const DIRECTORY = join(import.meta.dirname, '../support/tls');
const CA = file('ca.pem');
const SERVER = { key: text('server-key.pem'), cert: text('server.pem') };
const CLIENT = { cert_file: file('client.pem'), key_file: file('client-key.pem') };
const BATCH = traceBatch(3);

function file(name: string): string {
  return join(DIRECTORY, name);
}

function text(name: string): string {
  return readFileSync(file(name), 'utf8');
}

interface Peer extends AsyncDisposable {
  readonly endpoint: string;
  readonly seen: readonly unknown[];
}

interface Transport {
  readonly definition: ExporterDefinition;
  readonly listen: (mutual: boolean) => Promise<Peer>;
}

const TRANSPORTS: Readonly<Record<string, Transport>> = {
  http: {
    definition: otlphttpExporter,
    listen: async (mutual) => {
      const upstream = await httpUpstream(
        mutual ? { ...SERVER, ca: text('ca.pem'), requestCert: true, rejectUnauthorized: true } : SERVER,
      );
      return Object.assign(upstream, { endpoint: upstream.url });
    },
  },
  grpc: {
    definition: otlpExporter,
    listen: (mutual) => {
      const pair = { private_key: Buffer.from(SERVER.key), cert_chain: Buffer.from(SERVER.cert) };
      const ca = mutual ? Buffer.from(text('ca.pem')) : null;
      return grpcUpstream(ServerCredentials.createSsl(ca, [pair], mutual));
    },
  },
};

for (const [name, { definition, listen }] of Object.entries(TRANSPORTS)) {
  const sendOnce = async (endpoint: string, tls: object): Promise<string> => {
    await using exporter = await startExporter(definition, { endpoint, tls });
    return (await exporter.send(BATCH, NEVER)).status;
  };

  test(`${name}: an upstream whose certificate the configured authority signed is trusted, another is not`, async () => {
    await using upstream = await listen(false);
    assert.equal(await sendOnce(upstream.endpoint, { ca_file: CA }), 'accepted');
    assert.equal(await sendOnce(upstream.endpoint, { ca_pem: text('ca.pem'), min_version: '1.3' }), 'accepted');
    assert.equal(await sendOnce(upstream.endpoint, { insecure_skip_verify: true }), 'accepted');
    assert.equal(await sendOnce(upstream.endpoint, {}), 'retry');
    assert.equal(await sendOnce(upstream.endpoint, { ca_file: file('client.pem') }), 'retry');
    assert.equal(upstream.seen.length, 3);
  });

  test(`${name}: the name in the certificate is checked, and server_name_override names another`, async () => {
    await using upstream = await listen(false);
    const override = { ca_file: CA, server_name_override: 'server.test' };
    assert.equal(await sendOnce(upstream.endpoint, override), 'accepted');
    assert.equal(await sendOnce(upstream.endpoint, { ...override, server_name_override: 'other.test' }), 'retry');
  });

  test(`${name}: a client certificate opens an upstream that asks for one`, async () => {
    await using upstream = await listen(true);
    assert.equal(await sendOnce(upstream.endpoint, { ca_file: CA, ...CLIENT }), 'accepted');
    assert.equal(await sendOnce(upstream.endpoint, { ca_file: CA }), 'retry');
    assert.equal(upstream.seen.length, 1);
  });

  test(`${name}: a TLS file that is missing or broken fails the start with its name`, async () => {
    const endpoint = 'https://127.0.0.1:1';
    const missing = startExporter(definition, { endpoint, tls: { ca_file: '/nonexistent/ca.pem' } });
    await assert.rejects(missing, { code: 'config_unreadable', message: /\/nonexistent\/ca\.pem/ });
    const broken = { cert_pem: 'no certificate', key_pem: 'no key' };
    await assert.rejects(startExporter(definition, { endpoint, tls: broken }), { code: 'config_invalid' });
  });
}

test('certificates are read again after reload_interval, and a broken file keeps the last good one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'ca.pem');
  copyFileSync(CA, path);
  const clock = new VirtualClock();
  const settings = tlsClientSettings().parse({ ca_file: path, reload_interval: '1m' });
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const tls = new TlsClient(settings, clock, log);
  const first = tls.current();
  writeFileSync(path, text('server.pem'));
  await clock.advance(59_000);
  assert.equal(tls.current(), first);
  await clock.advance(1000);
  const second = tls.current();
  assert.notEqual(second, first);
  assert.deepEqual(second.ca, [text('server.pem')]);
  rmSync(path);
  await clock.advance(60_000);
  assert.equal(tls.current(), second);
  assert.equal(warnings.length, 1);
});

test('renewed certificates are used by new connections', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'ca.pem');
  for (const { definition, listen } of Object.values(TRANSPORTS)) {
    writeFileSync(path, text('client.pem'));
    await using upstream = await listen(false);
    const clock = new VirtualClock();
    const tls = { ca_file: path, reload_interval: '1m' };
    await using exporter = await startExporter(definition, { endpoint: upstream.endpoint, tls }, { clock });
    assert.equal((await exporter.send(BATCH, NEVER)).status, 'retry');
    copyFileSync(CA, path);
    await clock.advance(60_000);
    assert.equal((await exporter.send(BATCH, NEVER)).status, 'accepted');
  }
});

test('an upstream that speaks only an older TLS than min_version is not sent to', async () => {
  const server: Server = createServer({ ...SERVER, maxVersion: 'TLSv1.2' });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const config = { endpoint: `https://127.0.0.1:${port}`, tls: { ca_file: CA, min_version: '1.3' } };
  await using exporter = await startExporter(otlphttpExporter, config);
  const verdict = await exporter.send(BATCH, NEVER);
  assert.equal(verdict.status, 'retry');
  assert.match(verdict.reason.message, /version|alert/i);
  server.close();
});

test('keys and certificates given as text never print', () => {
  const settings = tlsClientSettings().parse({ cert_pem: 'canary-cert', key_pem: 'canary-key', ca_pem: 'canary-ca' });
  assert.ok(!/canary/.test(JSON.stringify(settings) + inspect(settings)));
});
