import type { Clock } from '../../core/clock.ts';
import type { FileSystem } from '../../core/file-system.ts';
import type { Outside, PageReply, RequestHeaders, Tap } from '../../core/outside.ts';
import type { Signal } from '../../core/signal.ts';
import { requestToJson } from '../../otlp/json.ts';
import type { FileOperation } from '../input.ts';
import type { FixtureWriter, LinesName } from './fixture-writer.ts';
import { InOrder } from './in-order.ts';
import { RecordingFiles } from './recording-files.ts';
import { base64, pageReply, textOrBytes } from './recorded-content.ts';
import { plainBytes } from './plain-bytes.ts';
import { plainPlaceholders } from './placeholders.ts';
import { RedactedChunks } from './redacted-chunks.ts';
import type { Redaction } from './redaction.ts';
import { UpstreamPhases } from './upstream-phases.ts';
import { WholeCharacters } from './whole-characters.ts';

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

/** Lines that wait for an answer, or for one before them. */
const WAITING_LIMIT_BYTES = 8 * 2 ** 20;

/** Answers after which the sender comes again: the request is recorded when it does. */
const COMES_AGAIN = new Set(['retry', 'overloaded', 'no_room', 'stopping']);

/**
 * Writes down what receivers take in while a service runs, without what is secret.
 *
 * A request has the time at which it came, a page that at which it was asked for; they are written once they were answered.
 * A request that its sender will repeat is not.
 */
export class Recorder {
  readonly recorded: Recorded = { requests: 0, fileOperations: 0, pages: 0 };
  readonly #options: RecorderOptions;
  /** Undefined until everything runs; what happens before is what was there at the start. */
  #startMs: number | undefined;
  #lastMs = 0;
  #latestMs = 0;
  /** Of the last operation on a file. */
  #fileAtMs = 0;
  readonly #characters = new WholeCharacters();
  /** Of files whose last chunk ended within something. */
  readonly #chunks = new Map<string, RedactedChunks>();
  readonly #requests: InOrder<string>;
  readonly #pages: InOrder<string>;
  readonly #upstream: UpstreamPhases;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { writer, redaction } = options;
    const order = (file: LinesName, count: 'requests' | 'pages'): InOrder<string> => {
      const take = (text: string): void => {
        if (writer.isOpen) this.recorded[count] += 1;
        writer.line(file, text);
      };
      return new InOrder({ limit: WAITING_LIMIT_BYTES, sizeOf: (text) => text.length, take });
    };
    // Answers that differ in a secret alone are one phase.
    const plain = (message: string): string => plainPlaceholders(redaction.text(message));
    this.#upstream = new UpstreamPhases({ atMs: () => this.atMs, plain });
    this.#requests = order('requests.jsonl', 'requests');
    this.#pages = order('pages.jsonl', 'pages');
  }

  get outside(): Outside {
    const tap: Tap = {
      request: (received) => this.#request(received),
      page: (_receiverId, url) => this.#page(url),
      attempt: (exporterId, signal) =>
        this.#options.writer.isOpen ? this.#upstream.attempt(exporterId, signal) : ignore,
    };
    return { files: new RecordingFiles(this.#options.files, (...told) => this.#file(...told)), tap };
  }

  /** Everything runs: what comes from now on has the time at which it comes. */
  begin(): void {
    this.#startMs ??= this.#options.clock.now();
  }

  /** Of what came last, milliseconds. A drain reads what was there when the stop began. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** Nothing comes any more; how the upstream behaved. */
  end(): ReturnType<UpstreamPhases['result']> {
    this.#requests.end();
    this.#pages.end();
    for (const [path, operation] of this.#characters.rest()) this.#file(path, operation);
    return this.#upstream.result();
  }

  get hasBegun(): boolean {
    return this.#startMs !== undefined;
  }

  /** Wall time at which everything ran: a replay starts then, and it takes no time to start. */
  get startMs(): number {
    return this.#startMs ?? this.#options.clock.now();
  }

  /** Since the start, milliseconds. Never goes back, whatever becomes of the clock. */
  get atMs(): number {
    return (this.#lastMs = Math.max(this.#lastMs, this.#options.clock.now() - this.startMs));
  }

  #request({ receiverId: receiver, transport, signal, bytes, headers }: Parameters<Tap['request']>[0]) {
    if (!this.#options.writer.isOpen) return ignore;
    const envelope = { at: this.#arrival() / 1000, receiver, transport, signal, headers: this.#headers(headers) };
    // At once: the bytes are written over once they are delivered.
    const text = `${JSON.stringify(envelope).slice(0, -1)},${this.#body(signal, bytes)}}`;
    const settle = this.#requests.begin(text);
    return ({ outcome }: { readonly outcome: string }): void => settle(COMES_AGAIN.has(outcome) ? undefined : text);
  }

  /** As a member. What is no OTLP stays as it came, but for credentials in the texts within it. */
  #body(signal: Signal, bytes: Uint8Array): string {
    const { redaction } = this.#options;
    try {
      const json = Buffer.from(requestToJson(signal, bytes)).toString('utf8');
      if (!redaction.concerns(json)) return `"body":${json}`;
      return `"body":${JSON.stringify(redaction.json(JSON.parse(json)))}`;
    } catch {
      return JSON.stringify(base64(plainBytes(bytes, (text) => redaction.text(text)))).slice(1, -1);
    }
  }

  /** Those that say who asks; of a credential its name stays, and whether it is another client's. */
  #headers(headers: RequestHeaders): Record<string, string | string[]> {
    const kept: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || name.startsWith(':') || TRANSPORT_HEADERS.has(name)) continue;
      kept[name] = this.#header(name, value);
    }
    return kept;
  }

  #header(name: string, value: string | string[]): string | string[] {
    const { redaction } = this.#options;
    return Array.isArray(value) ? value.map((one) => redaction.value(name, one)) : redaction.value(name, value);
  }

  /** Something comes now. */
  #arrival(): number {
    return (this.#latestMs = this.atMs);
  }

  #page(url: URL): (reply: PageReply) => void {
    const { clock, redaction, writer } = this.#options;
    if (!writer.isOpen) return ignore;
    const [at, fromMs] = [this.#arrival() / 1000, clock.monotonic()];
    const settle = this.#pages.begin();
    return (reply) => {
      const took = Math.round(clock.monotonic() - fromMs) / 1000;
      const plain = redaction.url(url);
      settle(JSON.stringify({ at, took, url: plain, ...pageReply(reply, redaction) }));
    };
  }

  #file(path: string, operation: FileOperation, isLater = false): void {
    if (!this.#options.writer.isOpen) return;
    this.recorded.fileOperations += 1;
    // What is there at 0 is there at the start, and may be passed over.
    this.#fileAtMs = Math.max(this.#arrival(), isLater ? 1 : this.#fileAtMs);
    const at = this.#fileAtMs / 1000;
    for (const one of this.#characters.whole(path, operation)) {
      const { op, ...rest } = one;
      if (op !== 'append') this.#chunks.delete(path);
      const detail = 'content' in rest ? this.#content(path, rest.content) : rest;
      this.#options.writer.line('files.jsonl', JSON.stringify({ at, path, op, ...detail }));
    }
  }

  #content(path: string, content: Uint8Array): object {
    const chunks = this.#chunks.get(path) ?? new RedactedChunks(this.#options.redaction);
    const text = textOrBytes(content, 'text', (chunk) => chunks.next(chunk));
    if (chunks.isDone) this.#chunks.delete(path);
    else this.#chunks.set(path, chunks);
    return text;
  }
}

function ignore(): void {
  // The recording is over.
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
