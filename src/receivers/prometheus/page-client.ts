import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import type { Agent, Dispatcher } from 'undici';
import type { Admission, Admitted } from '../../core/component.ts';
import { errorMessage } from '../../core/errors.ts';
import type { TlsOptions } from '../../net/tls-client.ts';
import type { PageBuffers } from './page-buffers.ts';
import { ScrapeError } from './scrape-error.ts';

const gunzip = promisify(gunzipCallback);
const MAX_REDIRECTS = 10;
const IDLE_MS = 300_000;

export interface PageRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Of the page after decompression, and of what is received. */
  readonly limitBytes: number;
  readonly followRedirects: boolean;
}

export interface Page {
  readonly contentType: string;
  /** The page, with at least one byte of room behind `length`. */
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Ends the use of the bytes: they serve another page, and the admission budget gets its room back. Idempotent. */
  release(): void;
}

/** Fetches pages over connections that are kept. */
export interface PageClient {
  /** Settles with the page of an answer 200. Throws ScrapeError for anything else, also when `abort` fires. */
  fetch(request: PageRequest, abort: AbortSignal): Promise<Page>;
  /** Wall time that points of a scrape have which begins now. Absent: the clock's. */
  readonly scrapeMs?: (url: URL) => number;
  /** Idempotent. */
  close(): Promise<void>;
}

/** What the clients of one receiver share. */
export interface PageMemory {
  readonly admission: Admission;
  readonly buffers: PageBuffers;
}

/** Opens nothing: the first fetch loads the library, so that a start does not wait for it. */
export function pageClient(tls: TlsOptions, memory: PageMemory): PageClient {
  let agent: Promise<Agent> | undefined;
  let closing: Promise<void> | undefined;
  return {
    fetch: async (request, abort) => fetchPage(await (agent ??= openAgent(tls)), memory, request, abort),
    close: () => (closing ??= destroy(agent)),
  };
}

async function openAgent(tls: TlsOptions): Promise<Agent> {
  const { Agent } = await import('../../net/http/undici.ts');
  // The caller's abort is the only deadline.
  return new Agent({
    connect: { ...tls, allowH2: false },
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

async function destroy(agent: Promise<Agent> | undefined): Promise<void> {
  await (await agent)?.destroy();
}

async function fetchPage(agent: Agent, memory: PageMemory, request: PageRequest, abort: AbortSignal): Promise<Page> {
  const { admission, buffers } = memory;
  const admitted = admission.tryAdmit(0);
  if (admitted === undefined) throw overBudget();
  try {
    const body = await follow(agent, admitted, request, abort);
    const { chunks, bytes: length } = await decompressed(body, request.limitBytes, admission, admitted);
    let buffer: Buffer | undefined = joined(buffers, chunks, length);
    const release = (): void => {
      admitted.release();
      if (buffer !== undefined) buffers.give(buffer);
      buffer = undefined;
    };
    return { contentType: body.contentType, bytes: buffer, length, release };
  } catch (error) {
    admitted.release();
    throw error;
  }
}

async function follow(agent: Agent, admitted: Admitted, request: PageRequest, abort: AbortSignal): Promise<Body> {
  let { url, headers } = request;
  for (let hops = 0; ; hops++) {
    const body = await receive(agent, admitted, { ...request, url, headers }, abort);
    if (body.status === 200) return body;
    const location = body.status >= 301 && body.status <= 308 && request.followRedirects ? body.location : undefined;
    if (location === undefined) throw new ScrapeError('status', `The target answered with status ${body.status}.`);
    if (hops === MAX_REDIRECTS)
      throw new ScrapeError('status', `The target redirected more than ${MAX_REDIRECTS} times.`);
    const next = URL.parse(location, url);
    if (next === null) throw new ScrapeError('status', 'The target redirected to what is no URL.');
    // Credentials are for the target alone.
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    url = next;
  }
}

const PUBLIC_HEADERS = new Set(['accept', 'accept-encoding', 'user-agent', 'x-prometheus-scrape-timeout-seconds']);

/** Also without http_headers: they may carry secrets. */
function withoutCredentials(headers: PageRequest['headers']): PageRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PUBLIC_HEADERS.has(name)));
}

interface Body {
  readonly status: number;
  readonly contentType: string;
  readonly coding: string;
  readonly location: string | undefined;
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
}

function receive(agent: Agent, admitted: Admitted, request: PageRequest, abort: AbortSignal): Promise<Body> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(resolve, reject, { admitted, limitBytes: request.limitBytes, abort });
    const { origin, pathname, search } = request.url;
    try {
      agent.dispatch({ origin, path: pathname + search, method: 'GET', headers: { ...request.headers } }, exchange);
    } catch (error) {
      exchange.fail(connectError(error));
    }
  });
}

interface Bounds {
  readonly admitted: Admitted;
  readonly limitBytes: number;
  readonly abort: AbortSignal;
}

/** One request and its answer. Settles once; afterwards it listens to nothing. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (body: Body) => void;
  readonly #reject: (error: ScrapeError) => void;
  readonly #bounds: Bounds;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #contentType = '';
  #coding = '';
  #location: string | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(resolve: (body: Body) => void, reject: (error: ScrapeError) => void, bounds: Bounds) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#bounds = bounds;
    bounds.abort.addEventListener('abort', this);
    if (bounds.abort.aborted) this.handleEvent();
  }

  /** The AbortSignal's event; its reason is the ScrapeError that says why. */
  handleEvent(): void {
    const { reason } = this.#bounds.abort as { reason: unknown };
    this.#stop(reason instanceof ScrapeError ? reason : new ScrapeError('aborted', 'The scrape was stopped.'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#bounds.abort.aborted) controller.abort(new Error('the scrape was stopped'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#contentType = headerText(headers['content-type']) ?? '';
    this.#coding = headerText(headers['content-encoding'])?.trim().toLowerCase() ?? '';
    this.#location = headerText(headers['location']);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#status !== 200) return;
    const bytes = this.#bytes + chunk.length;
    const { limitBytes, admitted } = this.#bounds;
    if (bytes > limitBytes) this.#stop(overLimit(limitBytes));
    else if (!admitted.tryResize(bytes * 2)) this.#stop(overBudget());
    else {
      this.#bytes = bytes;
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    this.#bounds.abort.removeEventListener('abort', this);
    this.#resolve({
      status: this.#status,
      contentType: this.#contentType,
      coding: this.#coding,
      location: this.#location,
      chunks: this.#chunks,
      bytes: this.#bytes,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(connectError(error));
  }

  fail(error: ScrapeError): void {
    this.#bounds.abort.removeEventListener('abort', this);
    this.#chunks = [];
    this.#reject(error);
  }

  #stop(error: ScrapeError): void {
    this.fail(error);
    this.#controller?.abort(error);
  }
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

type Content = Pick<Body, 'chunks' | 'bytes'>;

async function decompressed(
  body: Body,
  limitBytes: number,
  admission: Admission,
  admitted: Admitted,
): Promise<Content> {
  const { chunks, bytes, coding } = body;
  if (coding === '' || coding === 'identity') return body;
  if (coding !== 'gzip' && coding !== 'x-gzip') {
    throw new ScrapeError(
      'encoding',
      `The target answered with encoding "${coding.slice(0, 40)}"; gzip was asked for.`,
    );
  }
  // No more is inflated than the budget has room for: a bomb would be in memory before it was admitted.
  const roomBytes = Math.min(limitBytes, Math.max(1, admission.limitBytes - admission.usedBytes));
  const page = await inflated(Buffer.concat(chunks, bytes), limitBytes, roomBytes);
  if (!admitted.tryResize(bytes + page.length * 2)) throw overBudget();
  return { chunks: [page], bytes: page.length };
}

async function inflated(compressed: Buffer, limitBytes: number, roomBytes: number): Promise<Buffer> {
  // The last four bytes announce the size; one output buffer of that size saves joining many.
  const announced = compressed.length < 18 ? 0 : compressed.readUInt32LE(compressed.length - 4);
  const chunkSize = Math.min(Math.max(announced + 64, 4096), 4 * 1024 * 1024, roomBytes + 64);
  try {
    return await gunzip(compressed, { maxOutputLength: roomBytes, chunkSize: Math.max(chunkSize, 64) });
  } catch (error) {
    if (error instanceof RangeError) throw roomBytes < limitBytes ? overBudget() : overLimit(limitBytes);
    throw new ScrapeError('encoding', `The page is not the gzip it says it is: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
}

/** One run of bytes with room for a newline behind. */
function joined(buffers: PageBuffers, chunks: readonly Buffer[], bytes: number): Buffer {
  const page = buffers.take(bytes + 1);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(page, at);
  return page;
}

function overLimit(limitBytes: number): ScrapeError {
  return new ScrapeError('body_size_limit', `The page is larger than body_size_limit (${limitBytes} bytes).`);
}

function overBudget(): ScrapeError {
  return new ScrapeError('memory', 'The page does not fit the memory budget for data being received.');
}

function connectError(error: unknown): ScrapeError {
  if (error instanceof ScrapeError) return error;
  return new ScrapeError('connect', `The target did not answer: ${errorMessage(error)}.`, { cause: error });
}
