import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the name server does about a name; `late` answers after a while. */
export type NameFault = 'nxdomain' | 'servfail' | 'silent' | 'late';

export interface NameServer {
  /** Sends a process of Node's to this server for names below fault.test, as its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Names that have no fault resolve to 127.0.0.1. */
  readonly faults: Map<string, NameFault>;
  close(): void;
}

const PRELOAD = fileURLToPath(new URL('name-server-preload.ts', import.meta.url));
const LATE_MS = 200;
const RCODE = { ok: 0, servfail: 2, nxdomain: 3 } as const;
const TYPE_A = 1;

/** A DNS server on a loopback UDP port (RFC 1035, 4.1): one question, at most one answer. */
export async function nameServer(): Promise<NameServer> {
  const faults = new Map<string, NameFault>();
  const socket = createSocket('udp4');
  socket.on('message', (query, { port }) => {
    const { name, type, end } = questionOf(query);
    const fault = faults.get(name);
    if (fault === 'silent') return;
    const rcode = fault === 'nxdomain' || fault === 'servfail' ? RCODE[fault] : RCODE.ok;
    const reply = replyTo(query.subarray(0, end), rcode, rcode === RCODE.ok && type === TYPE_A);
    if (fault === 'late') setTimeout(() => send(socket, reply, port), LATE_MS);
    else send(socket, reply, port);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, FAULT_NAME_SERVER: `127.0.0.1:${socket.address().port}` };
  return { env, faults, close: () => socket.close() };
}

function send(socket: Socket, reply: Buffer, port: number): void {
  socket.send(reply, port, '127.0.0.1', () => undefined);
}

/** The name is a run of labels, each with its length before it, up to an empty one. */
function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The question again, as a response, and the address where there is one; it may not be kept. */
function replyTo(question: Buffer, rcode: number, hasAddress: boolean): Buffer {
  const reply = Buffer.from(question);
  reply.writeUInt16BE(0x8580 | rcode, 2);
  reply.writeUInt16BE(1, 4);
  reply.writeUInt16BE(hasAddress ? 1 : 0, 6);
  reply.writeUInt32BE(0, 8);
  const address = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return hasAddress ? Buffer.concat([reply, address]) : reply;
}
