import { createServer as createHttp, type ServerResponse } from 'node:http';
import { createSecureServer, createServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { test } from 'node:test';
import { faultIdentity, pemPath } from '../../support/fault-identity.ts';
import type { UpstreamFault } from '../../support/faulty-upstream.ts';
import { nameServer, type NameFault, type NameServer } from '../../support/name-server.ts';
import { faultMatrix, KEPT, TAKEN, type FaultCase } from './matrix.ts';

const EXPORTERS = ['otlp', 'otlphttp'] as const;

const RENEWED = faultIdentity('renewed');

/** An exporter that speaks TLS, to an upstream that has a good certificate once it is well. */
function overTls(
  name: string,
  faultOf: (exporter: FaultCase['exporter']) => UpstreamFault,
  health: RegExp,
): FaultCase[] {
  return EXPORTERS.map((exporter) => ({
    name,
    exporter,
    upstream: { fault: faultOf(exporter), tls: RENEWED },
    settings: (port) => ({
      endpoint: `${exporter === 'otlp' ? '' : 'https://'}127.0.0.1:${port}`,
      tls: { ca_file: pemPath('fault-ca') },
    }),
    outcome: KEPT,
    health,
  }));
}

const plain = {
  otlp: createHttp2((_request, response) => void response.end()),
  otlphttp: createHttp((_request, response) => void response.end()),
};
const secure = {
  otlp: createSecureServer(RENEWED, (_request, response) => void response.end()),
  otlphttp: createHttps(RENEWED, (_request, response) => void response.end()),
};
for (const server of [plain.otlp, secure.otlp]) server.on('sessionError', () => undefined);
for (const server of [secure.otlp, secure.otlphttp]) server.on('tlsClientError', () => undefined);

const certificates: readonly FaultCase[] = [
  ...overTls('an expired certificate', () => ({ tls: faultIdentity('expired') }), /certificate has expired/),
  ...overTls('a certificate of a stranger', () => ({ tls: faultIdentity('stranger') }), /self.signed certificate/),
  ...overTls('a certificate for another name', () => ({ tls: faultIdentity('elsewhere') }), /not in the cert|altnames/),
  ...overTls(
    'plain text where TLS is expected',
    (exporter) => ({ socket: (socket) => void plain[exporter].emit('connection', socket) }),
    /wrong version number|SSL|TLS|closed|packet length/i,
  ),
  ...EXPORTERS.map((exporter): FaultCase => ({
    name: 'TLS where plain text is expected',
    exporter,
    upstream: { fault: { socket: (socket) => void secure[exporter].emit('connection', socket) } },
    outcome: KEPT,
    health: /closed|Parse Error|HPE|Failed to connect|Connection dropped|[Pp]rotocol|ECONNRESET/,
  })),
];

function answersWell(response: ServerResponse): boolean {
  response.end();
  return true;
}

function named(names: NameServer, fault: NameFault, rest: Pick<FaultCase, 'outcome' | 'health'>): FaultCase[] {
  return EXPORTERS.map((exporter) => {
    const name = `${fault}-${exporter}.fault.test`;
    names.faults.set(name, fault);
    return {
      name: `the name server: ${fault}`,
      exporter,
      upstream: { fault: { http: answersWell } },
      settings: (port) => ({ endpoint: `${exporter === 'otlp' ? '' : 'http://'}${name}:${port}` }),
      onHeal: () => names.faults.delete(name),
      ...rest,
    };
  });
}

test('names that do not resolve and certificates that do not fit', async (t) => {
  const names = await nameServer();
  t.after(() => names.close());
  const cases = [
    ...certificates,
    ...named(names, 'nxdomain', { outcome: KEPT, health: /ENOTFOUND|Name resolution failed/ }),
    ...named(names, 'servfail', { outcome: KEPT, health: /ESERVFAIL|Name resolution failed/ }),
    ...named(names, 'silent', { outcome: KEPT, health: /ETIMEOUT|Name resolution failed/ }),
    ...named(names, 'late', { outcome: TAKEN, health: null }),
  ];
  await faultMatrix(t, cases, names.env);
});
