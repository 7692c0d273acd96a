import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { readFileSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import { batchBytes } from '../../../src/core/batch.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { until } from '../../support/until.ts';
import { far, grpcClient, post, runReceiver } from './running.ts';

const REQUEST = Buffer.from(batchBytes(traceBatch(5)));
const TLS = join(import.meta.dirname, '../../support/tls');
const pem = (name: string): Buffer => readFileSync(join(TLS, `${name}.pem`));
const SERVER_TLS = { cert_file: join(TLS, 'server.pem'), key_file: join(TLS, 'server-key.pem') };

async function directory(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'remora-otlp-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

test('both protocols serve over unix sockets, with a mode, and leave none behind', async (t) => {
  const dir = await directory(t);
  const [grpcPath, httpPath] = [join(dir, 'grpc.sock'), join(dir, 'http.sock')];
  const running = await runReceiver(t, {
    grpc: { endpoint: grpcPath, transport: 'unix', socket_mode: '0600' },
    http: { endpoint: `unix://${httpPath}` },
  });
  assert.equal(running.http, `unix://${httpPath}`);
  assert.equal((await stat(grpcPath)).mode & 0o777, 0o600);
  assert.equal((await stat(httpPath)).mode & 0o777, 0o660);
  assert.equal((await grpcClient(t, running.grpc).export('traces', REQUEST)).code, 0);
  assert.equal((await post(running, REQUEST)).status, 200);
  assert.equal(running.sink.items, 10);
  await running.receiver.stop?.(far());
  await assert.rejects(stat(grpcPath), /ENOENT/);
  await assert.rejects(stat(httpPath), /ENOENT/);
});

test('TLS is served over both protocols', async (t) => {
  const running = await runReceiver(t, { grpc: { tls: SERVER_TLS }, http: { tls: SERVER_TLS } });
  const client = grpcClient(t, `localhost:${running.grpcPort}`, credentials.createSsl(pem('ca')));
  const reply = await client.export('traces', REQUEST);
  assert.equal(reply.code, 0, reply.message);
  assert.equal(await postTls(running.httpPort, { ca: pem('ca') }), 200);
  assert.ok(running.meter.total('remora_tls_certificate_expiry_timestamp_seconds') > 0);
  await assert.rejects(postTls(running.httpPort, {}), /self-signed|unable to/);
});

test('client_ca_file turns clients away that show no certificate of it', async (t) => {
  const tls = { ...SERVER_TLS, client_ca_file: join(TLS, 'ca.pem') };
  const running = await runReceiver(t, { grpc: { tls }, http: { tls } });
  const known = { ca: pem('ca'), cert: pem('client'), key: pem('client-key') };
  assert.equal(await postTls(running.httpPort, known), 200);
  await assert.rejects(postTls(running.httpPort, { ca: pem('ca') }));
  const endpoint = `localhost:${running.grpcPort}`;
  const knownClient = grpcClient(t, endpoint, credentials.createSsl(known.ca, known.key, known.cert));
  assert.equal((await knownClient.export('traces', REQUEST)).code, 0);
  const stranger = grpcClient(t, endpoint, credentials.createSsl(known.ca));
  assert.equal((await stranger.export('traces', REQUEST)).code, 14);
  await until(() => running.meter.total('remora_tls_handshake_failures') > 0, 'the failure was counted');
});

test('TLS below min_version is refused', async (t) => {
  const running = await runReceiver(t, { http: { tls: { ...SERVER_TLS, min_version: '1.3' } } });
  await assert.rejects(postTls(running.httpPort, { ca: pem('ca'), maxVersion: 'TLSv1.2' }));
  assert.equal(await postTls(running.httpPort, { ca: pem('ca') }), 200);
});

test('a certificate is read again, and a broken one leaves the old one in use', async (t) => {
  const dir = await directory(t);
  const [cert, key] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
  await copyFile(join(TLS, 'server.pem'), cert);
  await copyFile(join(TLS, 'server-key.pem'), key);
  const clock = new VirtualClock();
  const tls = { cert_file: cert, key_file: key, reload_interval: '10s' };
  const running = await runReceiver(t, { http: { tls, write_timeout: 0 }, clock });
  const first = await shownBy(running.httpPort);
  await copyFile(join(TLS, 'client.pem'), cert);
  await clock.advance(10_000);
  assert.equal(await shownBy(running.httpPort), first, 'the key does not belong to the new certificate yet');
  await copyFile(join(TLS, 'client-key.pem'), key);
  await clock.advance(10_000);
  await until(async () => (await shownBy(running.httpPort)) !== first, 'the new certificate is shown');
  await writeFile(cert, 'garbage');
  await clock.advance(10_000);
  assert.notEqual(await shownBy(running.httpPort), first);
});

function postTls(port: number, options: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: 'localhost',
        port,
        path: '/v1/traces',
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/x-protobuf', 'content-length': REQUEST.length },
        ...options,
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on('error', reject);
    sent.end(REQUEST);
  });
}

/** The fingerprint of the certificate that a server shows. */
function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: 'localhost', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
