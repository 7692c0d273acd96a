import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Snapshot {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Gives the page of the n-th scrape, from 0. */
export type Source = (scrape: number) => Promise<Snapshot> | Snapshot;

export const PAGE_NUMBER = 'proxy_page_number';

export interface SnapshotProxy extends AsyncDisposable {
  readonly address: string;
}

/**
 * Gives every scraper (told apart by its User-Agent) the same page at its n-th scrape of a path, so that two of them that are
 * never quite at one time can be compared value by value. The page says its number by the gauge PAGE_NUMBER.
 */
export async function snapshotProxy(sources: Readonly<Record<string, Source>>): Promise<SnapshotProxy> {
  const pages = new Map<string, Promise<Snapshot>>();
  const scrapes = new Map<string, number>();
  const answer = async ({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const source = sources[url.slice(1)];
    if (source === undefined) return void response.writeHead(404).end();
    const scraper = `${headers['user-agent']} ${url}`;
    const scrape = scrapes.get(scraper) ?? 0;
    scrapes.set(scraper, scrape + 1);
    const key = `${url} ${scrape}`;
    let page = pages.get(key);
    if (page === undefined) pages.set(key, (page = Promise.resolve(source(scrape))));
    const { status, type, body } = await page;
    const numbered = `# TYPE ${PAGE_NUMBER} gauge\n${PAGE_NUMBER} ${scrape}\n${body}`;
    response.writeHead(status, { 'content-type': type }).end(numbered);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a real target says now, in the format that Prometheus 2 and 3 both prefer. */
export async function snapshotOf(address: string): Promise<Snapshot> {
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
  const response = await fetch(`http://${address}/metrics`, { headers: { accept } });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: await response.text(),
  };
}
