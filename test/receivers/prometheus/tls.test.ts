import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:https';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { only } from './scraped.ts';
import { Scraping } from './scraping.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
const text = (name: string): string => readFileSync(path(name), 'utf8');

/** What a job says of TLS towards a target that demands a certificate or does not, and whether its scrape succeeds. */
const CASES: readonly (readonly [what: string, mutual: boolean, tls: object | undefined, up: number])[] = [
  ['an authority from a file', false, { ca_file: path('ca.pem') }, 1],
  ['an authority as text', false, { ca: text('ca.pem') }, 1],
  ['no authority', false, undefined, 0],
  ['another authority', false, { ca_file: path('fault-ca.pem') }, 0],
  ['any certificate', false, { insecure_skip_verify: true }, 1],
  ['a name that the certificate has not', false, { ca_file: path('ca.pem'), server_name: 'elsewhere.example' }, 0],
  ['a newer version than the target has', false, { ca_file: path('ca.pem'), min_version: 'TLS13' }, 0],
  [
    'a certificate of its own',
    true,
    { ca_file: path('ca.pem'), cert_file: path('client.pem'), key_file: path('client-key.pem') },
    1,
  ],
  ['none where one is demanded', true, { ca_file: path('ca.pem') }, 0],
];

suite('scraping over TLS', () => {
  for (const [what, mutual, tls_config, up] of CASES) {
    test(`${what} is up ${up}`, async (t) => {
      const identity = { cert: text('server.pem'), key: text('server-key.pem'), ca: text('ca.pem') };
      const options = { ...identity, requestCert: mutual, rejectUnauthorized: mutual, maxVersion: 'TLSv1.2' } as const;
      const server = createServer(options, (_, response) => response.end('a 1\n'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.after(() => {
        server.closeAllConnections();
        server.close();
      });
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      await using scraping = await Scraping.on({ address }, { scheme: 'https', tls_config });
      const points = await scraping.scrape();
      assert.equal(only(points, 'up').value, up, scraping.context.health.get('metrics') ?? 'it is well');
      assert.equal(scraping.value('remora_scrape_failures', { reason: 'connect' }) ?? 0, 1 - up);
    });
  }
});
