import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

interface Connection {
  readonly abort: AbortController;
  rest?: { readonly over: Promise<unknown>; readonly end: () => void };
  /** Requests whose body is complete and that wait for their answer, and since when there were any. */
  waiting: number;
  sinceMs: number;
}

/**
 * What is known of each open connection. One abort signal serves all its requests, because whatever fires it ends the
 * connection.
 * Invariant: a connection is here from its `connection` event to its `close` event.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();

  get size(): number {
    return this.#open.size;
  }

  add(socket: Socket): void {
    const connection: Connection = { abort: new AbortController(), waiting: 0, sinceMs: 0 };
    this.#open.set(socket, connection);
    // Errors of a socket are followed by its close, which is what counts.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#open.delete(socket);
      connection.rest?.end();
      connection.abort.abort();
    });
  }

  /** Fires when the client is gone, or when its answer is late. */
  abortOf(socket: Socket): AbortSignal {
    return this.#open.get(socket)?.abort.signal ?? GONE;
  }

  beginWaiting(socket: Socket, nowMs: number): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    if (connection.waiting === 0) connection.sinceMs = nowMs;
    connection.waiting += 1;
  }

  endWaiting(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.waiting -= 1;
  }

  /** Requests of the connection wait for this long from now on. */
  rest(socket: Socket, restMs: number, clock: Clock): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || connection.rest !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<null>();
    const end = (): void => {
      timer.cancel();
      delete connection.rest;
      resolve(null);
    };
    const timer = clock.timer(restMs, end);
    connection.rest = { over: promise, end };
  }

  /** Resolves when the connection has rested; undefined when it does not rest. */
  restOf(socket: Socket): Promise<unknown> | undefined {
    return this.#open.get(socket)?.rest?.over;
  }

  /** True while silence on the connection is ours, not the client's. */
  isWaiting(socket: Socket): boolean {
    return (this.#open.get(socket)?.waiting ?? 0) > 0;
  }

  /** Tells the pipelines to give up on every request that has waited since before `beforeMs`. */
  abortWaiting(beforeMs: number): void {
    for (const { abort, waiting, sinceMs } of this.#open.values()) {
      if (waiting > 0 && sinceMs < beforeMs) abort.abort();
    }
  }
}

const GONE = AbortSignal.abort();
