import { jsonToRequest } from '../../src/otlp/json.ts';

/** A request of `count` spans with this name, of one trace for each name. */
export function spanRequest(name: string, count: number): Uint8Array {
  const traceId = Buffer.from(name.padEnd(16, '.')).subarray(-16).toString('hex');
  const spans = Array.from({ length: count }, (_, n) => ({
    traceId,
    spanId: (n + 1).toString(16).padStart(16, '0'),
    name,
    startTimeUnixNano: '1780272000000000000',
    endTimeUnixNano: '1780272000100000000',
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }];
  const request = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] };
  return jsonToRequest('traces', Buffer.from(JSON.stringify(request)));
}
