import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import type { InputEvent } from '../../src/replay/input.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { appendLine, fixtureFolder, INPUT, MANIFEST, pageLine, spansLine, type Files } from './fixture-folder.ts';

async function eventsOf(t: TestContext, files: Files): Promise<InputEvent[]> {
  const fixture = await openFixture(await fixtureFolder(t, files));
  const list: InputEvent[] = [];
  for await (const event of fixture.events()) list.push(event);
  return list;
}

/** Of each event what it does, without its place in a file. */
function contents(events: readonly InputEvent[]): unknown[] {
  return events.map((event) => ({
    ...event,
    where: undefined,
    bytes: 'bytes' in event && Buffer.from(event.bytes).toString('hex'),
    content: 'content' in event && Buffer.from(event.content).toString('hex'),
  }));
}

test('lines with the ends and the mark of another system, and blank ones, are the same input', async (t) => {
  const other = (name: string): string => `\ufeff\r\n${INPUT[name]?.replaceAll('\n', '\r\n\r\n') ?? ''}\n\n\n`;
  const files = Object.fromEntries(Object.keys(INPUT).map((name) => [name, other(name)]));
  const events = await eventsOf(t, files);
  assert.equal(events.length, 6);
  assert.deepEqual(contents(events), contents(await eventsOf(t, {})));
  assert.match(events.find(({ kind }) => kind === 'request')?.where ?? '', /requests\.jsonl:2$/);
});

const BODY = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1780272000123456789,"body":{"intValue":9007199254740993}}]}]}]}`;
const ENVELOPE = '"at":1,"receiver":"otlp","transport":"http","signal":"logs"';

test('a body is the same wherever it stands in its line, to the last digit of its numbers', async (t) => {
  const places = [
    `{${ENVELOPE},"headers":{},"body":${BODY}}`,
    `{"body":${BODY},${ENVELOPE}}`,
    `{ "headers" : {"a":"\\",{"} , "body" : ${BODY} , ${ENVELOPE} }`,
    `{${ENVELOPE},"body":${BODY},"headers":{}}`,
  ];
  const [first, ...others] = await eventsOf(t, {
    'files.jsonl': undefined,
    'requests.jsonl': places.map((line) => `${line}\n`).join(''),
  });
  assert.ok(first?.kind === 'request');
  assert.equal(Buffer.from(first.bytes).readBigUInt64LE(first.bytes.indexOf(0x09) + 1), 1780272000123456789n);
  assert.equal(others.length, 3);
  for (const event of others) assert.deepEqual(event.kind === 'request' && event.bytes, first.bytes);
});

test('headers come as they do over a socket, in small letters', async (t) => {
  const line = spansLine(1, [{ trace: 1, id: 1 }]).replace(
    '"headers":{}',
    '"headers":{"X-Tenant":"a","accept":["b","c"]}',
  );
  const [event] = await eventsOf(t, { 'files.jsonl': undefined, 'requests.jsonl': line });
  assert.deepEqual(event?.kind === 'request' && event.headers, { 'x-tenant': 'a', accept: ['b', 'c'] });
});

test('what happens to files at a time comes before the requests of that time', async (t) => {
  const events = await eventsOf(t, {
    'files.jsonl': appendLine(0, 'a\n') + appendLine(1, 'b\n'),
    'requests.jsonl': spansLine(0, [{ trace: 1, id: 1 }]) + spansLine(1, [{ trace: 1, id: 2 }]),
  });
  assert.deepEqual(
    events.map(({ kind, atMs }) => `${kind} ${atMs}`),
    ['file 0', 'request 0', 'file 1000', 'request 1000'],
  );
});

test('pages that failed, and pages that say so, are told apart', async (t) => {
  const failed = JSON.stringify({
    at: 2,
    url: 'http://app:9090/metrics',
    failure: { reason: 'timeout', message: 'm' },
  });
  const folder = await fixtureFolder(t, { 'pages.jsonl': `${pageLine(1, '# "failure"\n')}${failed}\n` });
  const { pages } = await openFixture(folder);
  assert.deepEqual(
    pages.map(({ reply }) => ('failure' in reply ? reply.failure.reason : reply.status)),
    [200, 'timeout'],
  );
});

test('what came while the recorded program stopped is input, too', async (t) => {
  const files = { 'manifest.yaml': MANIFEST.replace('40s', '2s') };
  const fixture = await openFixture(await fixtureFolder(t, files));
  const settings = fixture.manifest.replays['app'];
  assert.ok(settings);
  const { outputs } = await replayFixture(fixture, settings);
  assert.equal(outputs.find(({ signal }) => signal === 'traces')?.items, 3);
});
