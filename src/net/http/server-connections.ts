import type { Socket } from 'node:net';

interface Connection {
  readonly gone: AbortController;
  /** Requests whose body is complete and that wait for their answer. */
  waiting: number;
}

/**
 * What is known of each open connection.
 * Invariant: a connection is here from its `connection` event to its `close` event.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();

  get size(): number {
    return this.#open.size;
  }

  add(socket: Socket): void {
    const connection = { gone: new AbortController(), waiting: 0 };
    this.#open.set(socket, connection);
    // Errors of a socket are followed by its close, which is what counts.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#open.delete(socket);
      connection.gone.abort();
    });
  }

  /** Fires when the client is gone: nobody is left to answer. */
  gone(socket: Socket): AbortSignal {
    return this.#open.get(socket)?.gone.signal ?? GONE;
  }

  beginWaiting(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.waiting += 1;
  }

  endWaiting(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.waiting -= 1;
  }

  /** True while silence on the connection is ours, not the client's. */
  isWaiting(socket: Socket): boolean {
    return (this.#open.get(socket)?.waiting ?? 0) > 0;
  }
}

const GONE = AbortSignal.abort();
