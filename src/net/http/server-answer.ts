import type { Clock } from '../../core/clock.ts';
import { announcedBytes } from './server-body.ts';
import type { HttpExchange } from './server.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Names and values in turn, as `ServerResponse.writeHead` takes them. Content-Length is added. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | string;
}

/** An unread body up to this size is read away so that the connection can be used again. */
const DISCARD_BYTES = 256 * 1024;
/** A longer one is read away only so that the client gets to see the answer before the connection closes. */
const LINGER_BYTES = 64 * 1024 * 1024;
const LINGER_MS = 2000;

/** Answers a request whose body was read to its end. */
export function answer({ response }: HttpExchange, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, [...headers, 'Content-Length', String(Buffer.byteLength(body))]);
  if (body.length === 0) response.end();
  else response.end(body);
}

/**
 * Answers a request whose body is not wanted. A client that still sends would meet a reset connection before it read
 * the answer, so what it sends is thrown away for a while (RFC 9112, 9.6).
 */
export function answerUnread(exchange: HttpExchange, toSend: HttpAnswer, clock: Clock): void {
  const { request, response, expectsContinue } = exchange;
  if (expectsContinue) response.shouldKeepAlive = false;
  if (expectsContinue || request.readableEnded || (announcedBytes(request) ?? Infinity) <= DISCARD_BYTES) {
    answer(exchange, toSend);
    request.resume();
    return;
  }
  response.shouldKeepAlive = false;
  response.writeHead(toSend.status, [...toSend.headers, 'Content-Length', String(Buffer.byteLength(toSend.body))]);
  response.write(toSend.body);
  linger(exchange, clock);
}

function linger({ request, response }: HttpExchange, clock: Clock): void {
  let discardedBytes = 0;
  const finish = (): void => {
    timer.cancel();
    request.removeListener('data', onData);
    response.end();
  };
  const onData = (chunk: Buffer): void => {
    discardedBytes += chunk.length;
    if (discardedBytes > LINGER_BYTES) finish();
  };
  const timer = clock.timer(LINGER_MS, finish);
  request.on('data', onData);
  request.once('end', finish);
  request.once('close', finish);
}
