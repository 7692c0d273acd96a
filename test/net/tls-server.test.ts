import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadServerTls, tlsServerSettings } from '../../src/net/tls-server.ts';

const DIRECTORY = join(import.meta.dirname, '../support/tls');
const FILES = { cert_file: join(DIRECTORY, 'server.pem'), key_file: join(DIRECTORY, 'server-key.pem') };

test('cipher suites go by the names of IANA, which Go uses, and by those of OpenSSL', async () => {
  for (const name of [
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
    'TLS_RSA_WITH_AES_128_GCM_SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
  ]) {
    await loadServerTls(tlsServerSettings().parse({ ...FILES, cipher_suites: [name] }));
  }
  await assert.rejects(loadServerTls(tlsServerSettings().parse({ ...FILES, cipher_suites: ['TLS_NONSENSE'] })), {
    code: 'listen_failed',
  });
});
