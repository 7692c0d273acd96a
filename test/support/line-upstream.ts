import { gunzipSync } from 'node:zlib';
import { encodeRequest } from './otlp-proto.ts';
import { LineCounts } from './line-counts.ts';
import { httpUpstream, type Answer, type HttpUpstream } from './http-upstream.ts';

/** Lines that say which they are: `line 00000042` and some text, all of one length. */
export function numberedLines(first: number, count: number): string {
  let text = '';
  for (let number = first; number < first + count; number++) {
    text += `line ${String(number).padStart(8, '0')} the quick brown fox jumps over the lazy dog\n`;
  }
  return text;
}

export interface LineUpstream extends HttpUpstream {
  /** How often each number arrived in requests that were answered with 200. */
  readonly counts: LineCounts;
}

/**
 * An OTLP/HTTP upstream that counts numbered lines; `answer` decides about each request (200 when it does not answer).
 */
export async function lineUpstream(
  answer: (...args: Parameters<Answer>) => boolean = () => false,
  port?: number,
): Promise<LineUpstream> {
  const upstream = await httpUpstream(undefined, port);
  const counts = new LineCounts();
  upstream.answer = (request, response, seen) => {
    upstream.seen.length = 0;
    if (answer(request, response, seen)) return;
    const body = seen.headers['content-encoding'] === 'gzip' ? gunzipSync(seen.body) : seen.body;
    for (const number of numbersOf(body)) counts.add(number);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  };
  return Object.assign(upstream, { counts });
}

export function numbersOf(body: Uint8Array): number[] {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  return Array.from(text.matchAll(/line (\d{8})/g), ([, number]) => Number(number));
}

/** `LineCounts`, or a Map of a few. */
interface SeenCounts extends Iterable<readonly [number: number, count: number]> {
  get(number: number): number | undefined;
}

/** What is wrong with the counts of lines 0 to `total` - 1, when each must have come `atLeast` to `atMost` times. */
export function miscounted(counts: SeenCounts, total: number, atMost = 1): string {
  const missing: number[] = [];
  const repeated: number[] = [];
  for (let number = 0; number < total; number++) {
    const count = counts.get(number) ?? 0;
    if (count === 0) missing.push(number);
    else if (count > atMost) repeated.push(number);
  }
  const foreign: number[] = [];
  for (const [number] of counts) if (number >= total) foreign.push(number);
  const show = (name: string, numbers: readonly number[]): string =>
    numbers.length === 0 ? '' : `${numbers.length} ${name} (${numbers.slice(0, 3).join(', ')} ... ${numbers.at(-1)}) `;
  return `${show('missing', missing)}${show('repeated', repeated)}${show('never written', foreign)}`;
}

/** An OTLP request of numbered log records whose bodies are numbered lines. */
export function numberedRequest(first: number, count: number): Uint8Array {
  const logRecords = numberedLines(first, count)
    .trimEnd()
    .split('\n')
    .map((stringValue) => ({ body: { stringValue } }));
  return encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}
