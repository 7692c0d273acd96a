import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, isIPv6, type Server } from 'node:net';
import { errorMessage, RemoraError } from '../core/errors.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export type ListenTransport = 'tcp' | 'tcp4' | 'tcp6' | 'unix';

const HOST_PORT = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]/]*)):(\d{1,5})$/;

/**
 * `host:port`, `[::1]:port`, `:port` (every interface) or, for transport unix, a path; `unix:///path` is taken with any
 * transport. Undefined when it is none of these.
 */
export function parseListenEndpoint(endpoint: string, transport: ListenTransport): ListenAddress | undefined {
  if (endpoint.startsWith('unix:')) return unixAddress(endpoint.replace(/^unix:(\/\/)?/, ''));
  if (transport === 'unix') return unixAddress(endpoint);
  const match = HOST_PORT.exec(endpoint);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  return { kind: 'tcp', host: hostOf(match[1] ?? match[2] ?? '', transport), port };
}

export function mustParseListenEndpoint(endpoint: string, transport: ListenTransport): ListenAddress {
  const address = parseListenEndpoint(endpoint, transport);
  if (address === undefined) throw new Error(`BUG: the endpoint ${endpoint} was not checked.`);
  return address;
}

function unixAddress(path: string): ListenAddress | undefined {
  return path === '' ? undefined : { kind: 'unix', path };
}

/** `localhost` is taken literally as the loopback address, because what it resolves to differs between images. */
function hostOf(host: string, transport: ListenTransport): string {
  if (host === 'localhost') return transport === 'tcp6' ? '::1' : '127.0.0.1';
  if (host === '') return transport === 'tcp4' ? '0.0.0.0' : '::';
  return host;
}

/** As the configuration would write it; what port clash checks compare. */
export function endpointText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

export interface ListenOptions {
  /** Permissions of a unix socket; default 0660. */
  readonly socketMode?: number;
}

/** Listens, or throws listen_failed. Gives the address with the port that port 0 became. */
export async function listen(
  server: Server,
  address: ListenAddress,
  options: ListenOptions = {},
): Promise<ListenAddress> {
  try {
    if (address.kind === 'unix') await removeStaleSocket(address.path);
    await bind(server, address);
    if (address.kind === 'unix') await chmod(address.path, options.socketMode ?? 0o660);
  } catch (error) {
    if (error instanceof RemoraError) throw error;
    const message = `Cannot listen on ${endpointText(address)}: ${errorMessage(error)}.`;
    throw new RemoraError('listen_failed', message, { cause: error });
  }
  const bound = server.address();
  if (address.kind === 'unix' || bound === null || typeof bound === 'string') return address;
  return { kind: 'tcp', host: address.host, port: bound.port };
}

function bind(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const onListening = (): void => {
      server.removeListener('error', reject);
      // Later errors are connections that could not be accepted, for want of descriptors or memory: their clients' loss.
      server.on('error', () => undefined);
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path }, onListening);
    else server.listen({ host: address.host, port: address.port }, onListening);
  });
}

/** A socket file that a killed process left behind is removed; anything else at that path is left alone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new RemoraError('listen_failed', `Cannot listen on unix://${path}: a file that is no socket is there.`);
  }
  if (await someoneListens(path)) {
    throw new RemoraError('listen_failed', `Cannot listen on unix://${path}: another process listens there.`);
  }
  await unlink(path);
}

function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Anything but "nobody is there" is answered as if someone were: the file is then left alone.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
