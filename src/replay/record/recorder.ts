import { isUtf8 } from 'node:buffer';
import { CREDENTIAL_HEADERS } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { FileSystem } from '../../core/file-system.ts';
import type { Outside, PageReply, RequestHeaders, Tap } from '../../core/outside.ts';
import { requestToJson } from '../../otlp/json.ts';
import type { FileOperation } from '../input.ts';
import type { FixtureWriter } from './fixture-writer.ts';
import { RecordingFiles } from './recording-files.ts';
import { REDACTED, type Redaction } from './redaction.ts';

export interface RecorderOptions {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly writer: FixtureWriter;
  readonly redaction: Redaction;
}

/** How much was recorded. */
export interface Recorded {
  requests: number;
  fileOperations: number;
  pages: number;
}

interface Waiting {
  /** Undefined: it is not recorded. */
  line: object | undefined;
  isAnswered: boolean;
}

/** Answers after which the sender comes again: the request is recorded when it does. */
const COMES_AGAIN = new Set(['retry', 'overloaded', 'no_room', 'stopping']);

/**
 * Writes down what receivers take in while a service runs, without what is secret.
 *
 * A request has the time at which it came, and is written once it was answered: one that its sender will repeat is not.
 */
export class Recorder {
  readonly recorded: Recorded = { requests: 0, fileOperations: 0, pages: 0 };
  readonly #options: RecorderOptions;
  /** Undefined until everything runs; what happens before is what was there at the start. */
  #startMs: number | undefined;
  /** Requests in order of their time, until they are answered. */
  readonly #waiting: Waiting[] = [];

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  get outside(): Outside {
    const tap: Tap = {
      request: (received) => this.#request(received),
      page: (_receiverId, url, reply) => this.#page(url, reply),
    };
    return { files: new RecordingFiles(this.#options.files, (path, operation) => this.#file(path, operation)), tap };
  }

  /** Everything runs: what comes from now on has the time at which it comes. */
  begin(): void {
    this.#startMs ??= this.#options.clock.now();
  }

  get hasBegun(): boolean {
    return this.#startMs !== undefined;
  }

  /** Wall time at which everything ran: a replay starts then, and it takes no time to start. */
  get startMs(): number {
    return this.#startMs ?? this.#options.clock.now();
  }

  /** Since the start, milliseconds. */
  get atMs(): number {
    return Math.max(0, this.#options.clock.now() - this.startMs);
  }

  #request({ receiverId: receiver, transport, signal, bytes, headers }: Parameters<Tap['request']>[0]) {
    const waiting: Waiting = { line: undefined, isAnswered: false };
    this.#waiting.push(waiting);
    const envelope = { at: this.atMs / 1000, receiver, transport, signal, headers: this.#headers(headers) };
    // At once: the bytes are written over once they are delivered.
    const line = { ...envelope, ...this.#body(signal, bytes) };
    return ({ outcome }: { readonly outcome: string }): void => {
      waiting.isAnswered = true;
      if (!COMES_AGAIN.has(outcome)) waiting.line = line;
      this.#writeAnswered();
    };
  }

  #writeAnswered(): void {
    while (this.#waiting[0]?.isAnswered === true) {
      const { line } = this.#waiting.shift() ?? {};
      if (line === undefined) continue;
      this.recorded.requests += 1;
      this.#options.writer.line('requests.jsonl', line);
    }
  }

  #body(signal: Parameters<typeof requestToJson>[0], bytes: Uint8Array): object {
    try {
      const json: unknown = JSON.parse(Buffer.from(requestToJson(signal, bytes)).toString('utf8'));
      return { body: this.#options.redaction.json(json) };
    } catch {
      return { base64: Buffer.from(bytes).toString('base64') };
    }
  }

  /** Those that may become metadata; a credential stays as its name. */
  #headers(headers: RequestHeaders): Record<string, string | string[]> {
    const kept: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || name.startsWith(':') || TRANSPORT_HEADERS.has(name)) continue;
      kept[name] = CREDENTIAL_HEADERS.has(name) ? REDACTED : this.#header(name, value);
    }
    return kept;
  }

  #header(name: string, value: string | string[]): string | string[] {
    const { redaction } = this.#options;
    return Array.isArray(value) ? value.map((one) => redaction.value(name, one)) : redaction.value(name, value);
  }

  #page(url: URL, reply: PageReply): void {
    this.recorded.pages += 1;
    const { writer, redaction } = this.#options;
    const envelope = { at: this.atMs / 1000, url: redaction.url(url) };
    if ('failure' in reply) {
      const { reason, message } = reply.failure;
      writer.line('pages.jsonl', { ...envelope, failure: { reason, message: redaction.text(message) } });
    } else {
      const { status, contentType, body } = reply;
      writer.line('pages.jsonl', { ...envelope, status, contentType, ...this.#content(body, 'body') });
    }
  }

  #file(path: string, operation: FileOperation): void {
    this.recorded.fileOperations += 1;
    const { op, ...rest } = operation;
    const detail = 'content' in rest ? this.#content(rest.content, 'text') : rest;
    this.#options.writer.line('files.jsonl', { at: this.atMs / 1000, path, op, ...detail });
  }

  /** Text as such, redacted; everything else as it is. */
  #content(content: Uint8Array, name: 'text' | 'body'): object {
    if (!isUtf8(content)) return { base64: Buffer.from(content).toString('base64') };
    return { [name]: this.#options.redaction.text(Buffer.from(content).toString('utf8')) };
  }
}

/** What says how the request travelled, not what it is. */
const TRANSPORT_HEADERS = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
]);
