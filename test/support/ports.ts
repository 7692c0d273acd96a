import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Ports for what is told its port before it listens. They lie outside of the range from which the system gives ports to
 * who asks for any, and to outgoing connections: none of those can take such a port before it is used, or between two
 * uses, and nothing that connects to it while nobody listens connects to itself.
 *
 * Tests run in several processes. Each claims a port by a UDP socket of that number, as long as the process lives.
 */

const FIRST_PORT = 10_240;
const LAST_PORT = 65_535;
/** Fewer ports outside of the system's range than this, and that range is used as well. */
const ENOUGH = 1000;
/** Where there is no such file: RFC 6335, 6. */
const USUAL_RANGE = '49152 65535';

/** A TCP port of the loopback interface that is free and stays so; never the same one twice. */
export async function freePort(): Promise<number> {
  const { first, last } = portsToGive();
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first + 1));
    if ((await claimed(port)) && (await isUnbound(port))) return port;
  }
}

function portsToGive(): { readonly first: number; readonly last: number } {
  const [low = FIRST_PORT, high = LAST_PORT] = systemRange().trim().split(/\s+/).map(Number);
  if (low - FIRST_PORT >= ENOUGH) return { first: FIRST_PORT, last: low - 1 };
  if (LAST_PORT - high >= ENOUGH) return { first: high + 1, last: LAST_PORT };
  return { first: FIRST_PORT, last: LAST_PORT };
}

function systemRange(): string {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  } catch {
    return USUAL_RANGE;
  }
}

async function claimed(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    const bound = once(socket, 'listening');
    socket.bind({ port, address: '127.0.0.1', exclusive: true });
    await bound;
    return true;
  } catch {
    socket.close();
    return false;
  }
}

async function isUnbound(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, 'listening');
    server.listen(port, '127.0.0.1');
    await listening;
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
