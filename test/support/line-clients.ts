import { appendFile, rename } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { EXPORT_PATH } from '../../src/net/grpc/codes.ts';
import { numberedLines, numberedRequest } from './line-upstream.ts';

/** Sends one request; true when it was acknowledged. */
export type Send = (body: Uint8Array) => Promise<boolean>;

export function httpSend(port: number): Send {
  return async (body) => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: Buffer.from(body),
        signal: AbortSignal.timeout(5000),
      });
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  };
}

export function grpcSend(port: number): Send & Disposable {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.min_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 100,
  });
  const asIs = (bytes: Buffer): Buffer => bytes;
  const send: Send = (body) =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + 5000 };
      const settle = (error: unknown): void => resolve(error === null);
      client.makeUnaryRequest(EXPORT_PATH.logs, asIs, asIs, Buffer.from(body), new Metadata(), options, settle);
    });
  return Object.assign(send, { [Symbol.dispose]: () => client.close() });
}

/** Sends numbered lines, several requests at once, and each again until it is acknowledged. */
export class LineClient {
  readonly #send: Send;
  readonly #perRequest: number;
  #next = 0;
  #isOver = false;
  /** Requests that were offered again. */
  repeats = 0;
  readonly done: Promise<void>;

  constructor(send: Send, { atOnce, perRequest }: { atOnce: number; perRequest: number }) {
    this.#send = send;
    this.#perRequest = perRequest;
    this.done = Promise.all(Array.from({ length: atOnce }, () => this.#run())).then(() => undefined);
  }

  /** Lines 0 to here were sent; all of them are acknowledged once `done` has resolved. */
  get sent(): number {
    return this.#next;
  }

  end(): void {
    this.#isOver = true;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const body = numberedRequest(this.#next, this.#perRequest);
      this.#next += this.#perRequest;
      while (!(await this.#send(body))) {
        this.repeats += 1;
        await pause(20);
      }
      await pause(2);
    }
  }
}

/** Writes numbered lines at a steady rate and rotates by itself, until told to end. */
export class LineFile {
  readonly #file: string;
  readonly #perSecond: number;
  readonly #rotateEvery: number;
  #written = 0;
  #isOver = false;
  readonly done: Promise<void>;

  constructor(file: string, { perSecond, rotateEvery }: { perSecond: number; rotateEvery: number }) {
    this.#file = file;
    this.#perSecond = perSecond;
    this.#rotateEvery = rotateEvery;
    this.done = this.#run();
  }

  get sent(): number {
    return this.#written;
  }

  end(): void {
    this.#isOver = true;
  }

  async #run(): Promise<void> {
    const fromMs = performance.now();
    for (let rotations = 0, inFile = 0; !this.#isOver;) {
      await pause(5);
      const due = Math.floor(((performance.now() - fromMs) / 1000) * this.#perSecond) - this.#written;
      const count = Math.min(Math.max(0, due), 1000);
      if (count > 0) await appendFile(this.#file, numberedLines(this.#written, count));
      this.#written += count;
      inFile += count;
      if (inFile <= this.#rotateEvery) continue;
      inFile = 0;
      await rename(this.#file, `${this.#file}.${++rotations}`);
    }
  }
}
