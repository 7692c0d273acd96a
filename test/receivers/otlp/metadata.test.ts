import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { batchBytes, joinBatches, type Batch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { retry } from '../../../src/core/verdict.ts';
import { EXPORT_PATH } from '../../../src/net/grpc/codes.ts';
import { rewriteRequest } from '../../../src/otlp/edit.ts';
import { splitBatch } from '../../../src/otlp/split.ts';
import { numberedLogs } from '../../support/batches.ts';
import { traceBatch } from '../../support/otlp-requests.ts';
import { senderRig } from '../../support/sender.ts';
import { grpcClient, post, runReceiver } from './running.ts';

const REQUEST = Buffer.from(batchBytes(traceBatch(4, 2)));
const SECRET = 'canary';
const HEADERS = {
  'X-Scope-OrgID': 'acme',
  'X-Twice': 'a, b',
  Authorization: `Bearer ${SECRET}`,
  'Proxy-Authorization': SECRET,
  Cookie: `session=${SECRET}`,
};

function isWithoutSecrets(batch: Batch | undefined): void {
  const text = JSON.stringify([...(batch?.metadata ?? [])]);
  assert.ok(!text.includes(SECRET), text);
  for (const name of batch?.metadata?.keys() ?? []) assert.match(name, /^[^:A-Z][^A-Z]*$/);
}

async function postWith(t: TestContext, includes: boolean): Promise<Batch | undefined> {
  const running = await runReceiver(t, { http: { include_metadata: includes } });
  assert.equal((await post(running, REQUEST, { headers: HEADERS })).status, 200);
  return running.sink.batches[0];
}

async function callWith(t: TestContext, includes: boolean): Promise<Batch | undefined> {
  const running = await runReceiver(t, { grpc: { include_metadata: includes } });
  const { client } = grpcClient(t, running.grpc);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(HEADERS)) metadata.set(name, value);
  metadata.set('x-token-bin', Buffer.from([1, 2, 3]));
  const pass = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(EXPORT_PATH.traces, pass, pass, REQUEST, metadata, {}, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return running.sink.batches[0];
}

test('the headers of an HTTP request come with its batch where include_metadata asks for it, without credentials', async (t) => {
  const batch = await postWith(t, true);
  assert.equal(batch?.metadata?.get('x-scope-orgid'), 'acme');
  assert.equal(batch.metadata.get('x-twice'), 'a, b');
  assert.equal(batch.metadata.get('content-type'), 'application/x-protobuf');
  isWithoutSecrets(batch);
});

test('the metadata of a call comes with its batch where include_metadata asks for it, without credentials', async (t) => {
  const batch = await callWith(t, true);
  assert.equal(batch?.metadata?.get('x-scope-orgid'), 'acme');
  assert.equal(batch.metadata.get('x-token-bin'), 'AQID');
  isWithoutSecrets(batch);
});

test('nothing is carried where nobody asks for it', async (t) => {
  for (const batch of [await postWith(t, false), await callWith(t, false)]) {
    assert.ok(batch !== undefined);
    assert.equal('metadata' in batch, false);
  }
});

test('metadata stays with what is left of a batch, and goes when batches are joined or queued', async () => {
  const metadata = new Map([['x-scope-orgid', 'acme']]);
  const batch: Batch = { ...numberedLogs(1, 6), metadata };
  let seen = 0;
  const edited = rewriteRequest(batch, { dropItem: () => seen++ % 2 === 0 });
  assert.equal(edited.batch?.items, 3);
  assert.equal(edited.batch.metadata, metadata);
  const parts = splitBatch(batch, { sizer: 'items', max: 2 });
  assert.equal(parts.length, 3);
  for (const part of parts) assert.equal(part.metadata, metadata);
  assert.equal(joinBatches(parts).metadata, undefined);
  const rig = senderRig();
  await rig.sender.start();
  assert.equal((await rig.consumer.consume(batch, rig.caller.signal)).status, 'accepted');
  await rig.clock.advance(0);
  assert.equal(rig.exporter.delivered[0]?.metadata, undefined);
  assert.equal(rig.exporter.deliveredItems, 6);
});

test('a sender over its rate limit is told so: 429 over HTTP, UNAVAILABLE with RetryInfo over gRPC', async (t) => {
  const running = await runReceiver(t);
  running.sink.answer = () => retry(new RemoraError('rate_limited', 'Over the rate limit.'), 2500);
  const reply = await post(running, REQUEST);
  assert.equal(reply.status, 429);
  assert.equal(reply.headers['retry-after'], '3');
  const call = await grpcClient(t, running.grpc).export('traces', REQUEST);
  assert.equal(call.code, 14);
  assert.ok(call.details?.includes('google.rpc.RetryInfo'));
});
