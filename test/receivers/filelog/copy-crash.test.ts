import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Clock } from '../../../src/core/clock.ts';
import { ACCEPTED, retry, type Verdict } from '../../../src/core/verdict.ts';
import { CollectingConsumer } from '../../support/context.ts';
import { HurriedClock } from '../../support/hurried-clock.ts';
import { until } from '../../support/until.ts';
import { bodies, frozenStorage, records, startRig, storageIn, tempDirectory, text, type Rig } from './support.ts';

/** A pipeline that waits for the upstream before it answers, as a queue with `wait_for_result` does. */
class WaitingConsumer extends CollectingConsumer {
  readonly offered: string[] = [];
  readonly #waiting: ((verdict: Verdict) => void)[] = [];

  constructor() {
    super();
    this.answer = (batch, abort) => {
      this.offered.push(...records([batch]).map(({ body }) => text(body)));
      return new Promise((resolve) => {
        this.#waiting.push(resolve);
        abort.addEventListener('abort', () => resolve(retry(new Error('stopped'))));
      });
    };
  }

  /** Answers what waits, the last first, and whatever comes from now on. */
  settle(verdict: Verdict): void {
    this.answer = () => verdict;
    for (const resolve of this.#waiting.splice(0).reverse()) resolve(verdict);
  }
}

interface Setup {
  readonly path: string;
  readonly storage: ReturnType<typeof storageIn>;
  readonly config: Record<string, unknown>;
  readonly rig: Rig;
  readonly consumer: WaitingConsumer;
}

async function setUp(t: TestContext, more: Record<string, unknown> = {}, clock?: Clock): Promise<Setup> {
  const path = join(tempDirectory(t), 'app.log');
  const storage = storageIn(tempDirectory(t));
  const config = { include: [path], start_at: 'beginning', poll_interval: '5ms', ...more };
  const consumer = new WaitingConsumer();
  const rig = await startRig(t, config, { storage, consumer, ...(clock === undefined ? {} : { clock }) });
  return { path, storage, config, rig, consumer };
}

function lines(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `line ${first + i}`);
}

async function write(path: string, consumer: WaitingConsumer, texts: readonly string[]): Promise<void> {
  appendFileSync(path, texts.map((line) => `${line}\n`).join(''));
  await until(() => consumer.offered.includes(texts.at(-1) ?? ''), 'the lines are under way');
}

/** Nothing is read between the copy and the truncation, as nothing is awaited. `unread` is in the copy only. */
async function copyAndTruncate({ path, rig }: Setup, unread: readonly string[] = []): Promise<void> {
  const truncations = rig.context.meter.total('remora_filelog_truncations');
  appendFileSync(path, unread.map((line) => `${line}\n`).join(''));
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  await until(() => rig.context.meter.total('remora_filelog_truncations') > truncations, 'the truncation was seen');
}

async function saved({ storage }: Setup): Promise<string> {
  return String(await storage.read());
}

/** The next run of a process that was killed: it finds the checkpoint as it is on disk now. */
async function crash(t: TestContext, setup: Setup): Promise<Rig> {
  const copy = await frozenStorage(t, setup.storage);
  setup.consumer.settle(retry(new Error('killed')));
  return startRig(t, setup.config, { storage: copy });
}

function missing(expected: readonly string[], ...rigs: readonly Rig[]): string[] {
  const seen = new Set(rigs.flatMap(({ consumer }) => bodies(consumer)));
  return expected.filter((line) => !seen.has(line));
}

async function isSavedWith(setup: Setup, name: string, count = 1): Promise<void> {
  await until(async () => (await saved(setup)).split(name).length > count, `the checkpoint has ${name}`);
}

test('what is under way of a file that is copied and truncated is not lost by a crash', async (t) => {
  const setup = await setUp(t);
  const { path, consumer } = setup;
  await write(path, consumer, lines(0, 1000));
  await write(path, consumer, lines(1000, 1000));
  await copyAndTruncate(setup, lines(2000, 10));
  await write(path, consumer, lines(3000, 10));
  await isSavedWith(setup, 'app.log.1');
  const next = await crash(t, setup);
  await next.stop();
  assert.deepEqual(missing([...lines(0, 2010), ...lines(3000, 10)], next), []);
  assert.equal(next.consumer.items, 2020, 'and none of them comes twice');
});

test('what is under way of two contents that were copied and truncated one after the other is not lost by a crash', async (t) => {
  const setup = await setUp(t);
  const { path, consumer } = setup;
  await write(path, consumer, lines(0, 100));
  await copyAndTruncate(setup);
  await write(path, consumer, lines(100, 50));
  await isSavedWith(setup, 'app.log.1');
  renameSync(`${path}.1`, `${path}.2`);
  await copyAndTruncate(setup, lines(150, 5));
  await write(path, consumer, lines(200, 10));
  await isSavedWith(setup, 'app.log.', 2);
  const next = await crash(t, setup);
  await next.stop();
  assert.deepEqual(missing([...lines(0, 155), ...lines(200, 10)], next), []);
  assert.equal(next.consumer.items, 165, 'and none of them comes twice');
});

test('a line that waited for further ones when its file was copied and truncated is not lost by a crash', async (t) => {
  const operators = [{ type: 'recombine', is_last_entry: 'body endsWith ";"', combine_with: ' ' }];
  const setup = await setUp(t, { operators, force_flush_period: '1h' });
  const { path, consumer, rig } = setup;
  appendFileSync(path, 'one;\ntwo\n');
  await until(() => rig.context.meter.total('remora_filelog_held_bytes') > 0, 'half a record waits');
  await until(() => consumer.offered.includes('one;'), 'the first record is under way');
  await copyAndTruncate(setup, ['halves;']);
  await write(path, consumer, ['three;']);
  await isSavedWith(setup, 'app.log.1');
  const next = await crash(t, setup);
  await next.stop();
  assert.deepEqual(bodies(next.consumer).sort(), ['one;', 'three;', 'two halves;']);
});

test('without a crash every line of it comes once, and the copy is closed and nothing is left of it in the figures', async (t) => {
  const setup = await setUp(t, {}, new HurriedClock(50));
  const { path, consumer, rig } = setup;
  const { meter } = rig.context;
  await write(path, consumer, lines(0, 1000));
  await write(path, consumer, lines(1000, 1000));
  await copyAndTruncate(setup, lines(2000, 10));
  await write(path, consumer, lines(3000, 10));
  await isSavedWith(setup, 'app.log.1');
  const underWay = [...lines(0, 2010), ...lines(3000, 10)].join('\n').length + 1;
  assert.equal(meter.total('remora_filelog_unread_bytes'), underWay, 'all of it is unacknowledged');
  assert.equal(meter.total('remora_filelog_unacknowledged_bytes'), underWay);
  assert.equal(meter.total('otelcol_fileconsumer_open_files'), 2);
  consumer.settle(ACCEPTED);
  await until(() => consumer.items === 2020, 'all lines arrived');
  assert.equal(meter.total('remora_filelog_unread_bytes'), 0);
  await until(() => meter.total('remora_filelog_unacknowledged_bytes') === 0, 'the checkpoint is written');
  unlinkSync(`${path}.1`);
  await until(() => meter.total('otelcol_fileconsumer_open_files') === 1, 'the copy is closed');
  await rig.stop();
  assert.deepEqual(missing([...lines(0, 2010), ...lines(3000, 10)], rig), []);
  assert.equal(consumer.items, 2020);
  assert.equal(meter.total('remora_filelog_lost_bytes'), 0);
});

test('what the copy has taken over and was acknowledged is not read again by the next run', async (t) => {
  const setup = await setUp(t);
  const { path, storage, config, consumer, rig } = setup;
  await write(path, consumer, lines(0, 1000));
  await copyAndTruncate(setup, lines(1000, 10));
  await write(path, consumer, lines(2000, 10));
  await isSavedWith(setup, 'app.log.1');
  consumer.settle(ACCEPTED);
  await rig.stop();
  assert.equal(consumer.items, 1020);
  assert.ok(!(await saved(setup)).includes('pending'));
  const next = await startRig(t, config, { storage });
  await next.stop();
  assert.deepEqual(bodies(next.consumer), []);
});

test('batches of a content that left no copy are offered until they are taken, and new lines are read', async (t) => {
  const setup = await setUp(t);
  const { path, consumer, rig } = setup;
  await write(path, consumer, lines(0, 100));
  await write(path, consumer, lines(100, 100));
  writeFileSync(path, '');
  await write(path, consumer, lines(200, 10));
  let refusals = 3;
  consumer.settle(retry(new Error('full'), 10));
  consumer.answer = () => (refusals-- > 0 ? retry(new Error('full'), 10) : ACCEPTED);
  await until(() => consumer.items === 210, 'all lines arrived');
  await rig.stop();
  assert.deepEqual(missing(lines(0, 210), rig), []);
});
