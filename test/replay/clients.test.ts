import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TakenRequest } from '../../src/core/outside.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import type { RequestEvent } from '../../src/replay/input.ts';
import { Clients } from '../../src/replay/world/clients.ts';
import { spanRequest } from './requests.ts';

test('a request without an answer stays in the books, and so does one that no receiver is there for', async () => {
  const clients = new Clients(new VirtualClock(0));
  const { promise, resolve } = Promise.withResolvers<TakenRequest>();
  const request: RequestEvent = {
    kind: 'request',
    atMs: 0,
    receiver: 'otlp',
    transport: 'http',
    signal: 'traces',
    headers: {},
    bytes: spanRequest('GET', 1),
  };
  clients.send(request);
  clients.serve('otlp', 'http', () => promise);
  clients.send(request);
  assert.deepEqual([...clients.books.unreceived], [['otlp (http)', 1]]);
  assert.equal(clients.books.underWay, 1);
  resolve({ outcome: 'accepted', message: '', rejectedItems: 0 });
  await new Promise(setImmediate);
  assert.equal(clients.books.underWay, 0);
  assert.deepEqual([...clients.books.answers], [['accepted', 1]]);
});
