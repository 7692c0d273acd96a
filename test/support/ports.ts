import { createServer } from 'node:net';

/** A port that was given to somebody may not be taken yet, so it is not given to anybody else. */
const given = new Set<number>();

/** A TCP port of the loopback interface that was free a moment ago; never the same one twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await unboundPort();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

async function unboundPort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
