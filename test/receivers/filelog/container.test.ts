import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { until } from '../../support/until.ts';
import { frozenStorage, records, startRig, storageIn, tempDirectory, type LogRecord, type Rig } from './support.ts';

const CONTAINER = [{ type: 'container' }];
const TIME = '2024-04-13T07:59:37.505201169';
const NANOS = BigInt(Date.UTC(2024, 3, 13, 7, 59, 37)) * 1_000_000n + 505_201_169n;

function cri(stream: 'stdout' | 'stderr', tag: string, text: string): string {
  return `${TIME}Z ${stream} ${tag} ${text}\n`;
}

function got(rig: Rig): LogRecord[] {
  return records(rig.consumer.batches);
}

function texts(rig: Rig): unknown[] {
  return got(rig).map(({ body }) => body);
}

/** A log of a pod where the kubelet puts it. */
function podLog(t: TestContext): string {
  const directory = join(tempDirectory(t), 'pods', 'some-ns_my-pod_49cc7c1f-d370-2c40', 'app');
  mkdirSync(directory, { recursive: true });
  return join(directory, '0.log');
}

test('lines of containerd and cri-o lose their format, and get time, stream, tag and the pod', async (t) => {
  const path = podLog(t);
  writeFileSync(path, `${cri('stdout', 'F', 'one  ')}${TIME}-05:00 stderr F:x two\n${TIME}Z stdout F \n`);
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators: CONTAINER });
  await until(() => rig.consumer.items === 3, 'the lines arrived');
  const [one, two, blank] = got(rig);
  assert.equal(one?.body, 'one');
  assert.equal(one.timeUnixNano, NANOS);
  assert.deepEqual(Object.fromEntries(one.attributes), {
    'log.file.name': '0.log',
    'log.iostream': 'stdout',
    logtag: 'F',
  });
  assert.deepEqual(Object.fromEntries(one.resource), {
    'k8s.namespace.name': 'some-ns',
    'k8s.pod.name': 'my-pod',
    'k8s.pod.uid': '49cc7c1f-d370-2c40',
    'k8s.container.name': 'app',
    'k8s.container.restart_count': '0',
  });
  assert.equal(two?.body, 'two');
  assert.equal(two.timeUnixNano, NANOS + 5n * 3_600_000_000_000n);
  assert.equal(two.attributes.get('log.iostream'), 'stderr');
  assert.equal(two.attributes.get('logtag'), 'F:x');
  assert.equal(blank?.body, '');
});

test('the names of the pod are found through the links that Kubernetes makes', async (t) => {
  const path = podLog(t);
  const links = tempDirectory(t);
  const link = join(links, 'my-pod_some-ns_app-0123.log');
  writeFileSync(`${path}.real`, cri('stdout', 'F', 'hello'));
  symlinkSync(`${path}.real`, path);
  symlinkSync(path, link);
  const rig = await startRig(t, { include: [join(links, '*.log')], start_at: 'beginning', operators: CONTAINER });
  await until(() => rig.consumer.items === 1, 'the line arrived');
  assert.equal(got(rig)[0]?.resource.get('k8s.pod.name'), 'my-pod');
});

test('parts of a line are joined to the byte, stream by stream', async (t) => {
  const path = podLog(t);
  writeFileSync(
    path,
    cri('stdout', 'P', 'a very ') +
      cri('stderr', 'F', 'between') +
      cri('stdout', 'P', '  long ') +
      cri('stderr', 'P', 'err ') +
      cri('stdout', 'F', 'line ') +
      cri('stderr', 'F', 'or'),
  );
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators: CONTAINER });
  await until(() => rig.consumer.items === 3, 'the lines arrived');
  assert.deepEqual(texts(rig), ['between', 'a very   long line', 'err or']);
  assert.equal(got(rig)[1]?.attributes.get('logtag'), 'F');
});

test('a line whose first part was read before a clean restart is joined after it, and nothing comes twice', async (t) => {
  const path = podLog(t);
  const storage = storageIn(tempDirectory(t));
  const config = { include: [path], start_at: 'beginning', operators: CONTAINER, force_flush_period: '1h' };
  writeFileSync(path, cri('stdout', 'P', 'first ') + cri('stderr', 'F', 'other') + cri('stdout', 'P', 'second '));
  const before = await startRig(t, config, { storage });
  await until(() => before.consumer.items === 1, 'the whole line arrived');
  await before.stop();
  assert.deepEqual(texts(before), ['other']);
  appendFileSync(path, cri('stderr', 'F', 'more') + cri('stdout', 'F', 'third'));
  const after = await startRig(t, config, { storage });
  await until(() => after.consumer.items === 2, 'the rest arrived');
  await after.stop();
  assert.deepEqual(texts(after), ['more', 'first second third']);
});

test('after a crash a part that waited is joined, and what the checkpoint holds is not repeated', async (t) => {
  const path = podLog(t);
  const storage = storageIn(tempDirectory(t));
  const config = { include: [path], start_at: 'beginning', operators: CONTAINER, force_flush_period: '1h' };
  writeFileSync(path, cri('stdout', 'P', 'first ') + cri('stderr', 'F', 'other'));
  const before = await startRig(t, config, { storage });
  await until(() => before.consumer.items === 1, 'the whole line arrived');
  // The checkpoint that a further line brings about holds everything before it.
  const { meter } = before.context;
  await until(() => meter.total('remora_filelog_unread_bytes') === 0, 'it is acknowledged');
  const writes = meter.total('remora_filelog_checkpoint_writes');
  appendFileSync(path, cri('stderr', 'F', 'further'));
  await until(() => meter.total('remora_filelog_checkpoint_writes') > writes, 'a checkpoint is written');
  const copy = await frozenStorage(t, storage);
  appendFileSync(path, cri('stdout', 'F', 'second'));
  const after = await startRig(t, config, { storage: copy });
  await until(() => texts(after).includes('first second'), 'the joined line arrived');
  await after.stop();
  assert.deepEqual(
    texts(after).filter((text) => text !== 'further'),
    ['first second'],
  );
});

for (const isRestarted of [false, true]) {
  test(`parts on both sides of a rotation are joined${isRestarted ? ' over a restart' : ''}`, async (t) => {
    const path = podLog(t);
    const storage = storageIn(tempDirectory(t));
    const config = { include: [path], start_at: 'beginning', operators: CONTAINER, force_flush_period: '1h' };
    writeFileSync(path, cri('stderr', 'F', 'before') + cri('stdout', 'P', 'one '));
    let rig = await startRig(t, config, { storage });
    await until(() => rig.consumer.items === 1, 'the whole line arrived');
    if (isRestarted) await rig.stop();
    renameSync(path, `${path}.20240413-075937`);
    writeFileSync(path, cri('stderr', 'F', 'new') + cri('stdout', 'F', 'line') + cri('stdout', 'F', 'after'));
    if (isRestarted) rig = await startRig(t, config, { storage });
    await until(() => texts(rig).includes('after'), 'the lines of the new file arrived');
    await rig.stop();
    assert.deepEqual(texts(rig), [...(isRestarted ? [] : ['before']), 'new', 'one line', 'after']);
  });
}

test('a part whose rest does not come is sent after the flush period, marked as a part and counted', async (t) => {
  const path = podLog(t);
  writeFileSync(path, cri('stdout', 'P', 'lonely'));
  const config = { include: [path], start_at: 'beginning', operators: CONTAINER, force_flush_period: '20ms' };
  const rig = await startRig(t, config);
  await until(() => rig.consumer.items === 1, 'the part arrived');
  assert.equal(got(rig)[0]?.attributes.get('logtag'), 'P');
  assert.equal(
    rig.context.meter.value('remora_filelog_incomplete_records', { receiver: 'filelog', reason: 'time' }),
    1,
  );
});

test('a joined line ends at max_log_size, marked and counted, and the rest follows', async (t) => {
  const path = podLog(t);
  const part = 'x'.repeat(600);
  writeFileSync(path, cri('stdout', 'P', part).repeat(3) + cri('stdout', 'F', 'end'));
  const operators = [{ type: 'container', max_log_size: 1000 }];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
  await until(() => rig.consumer.items === 2, 'both records arrived');
  assert.deepEqual(texts(rig), [part + part, `${part}end`]);
  assert.deepEqual(
    got(rig).map(({ attributes }) => attributes.get('log.record.cut')),
    [true, undefined],
  );
  const labels = { receiver: 'filelog', reason: 'bytes' };
  assert.equal(rig.context.meter.value('remora_filelog_incomplete_records', labels), 1);
});

function docker(log: string, rest: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ log, stream: 'stdout', time: `${TIME}Z`, ...rest })}\n`;
}

test('lines of Docker are taken out of their JSON, and joined where Docker cut them', async (t) => {
  const path = podLog(t);
  const cut = 'y'.repeat(16 * 1024);
  writeFileSync(
    path,
    docker('INFO: grün\n', { attrs: { tag: 'x' } }) + docker(cut) + docker('rest\n') + docker('no line end'),
  );
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators: CONTAINER });
  await until(() => rig.consumer.items === 3, 'the lines arrived');
  assert.deepEqual(texts(rig), ['INFO: grün', `${cut}rest`, 'no line end']);
  assert.equal(got(rig)[0]?.timeUnixNano, NANOS);
  assert.deepEqual(got(rig)[0]?.attributes.get('attrs'), new Map([['tag', 'x']]));
});

test('a line without the format is sent as it is or dropped, and counted', async (t) => {
  for (const [on_error, kept] of [
    ['send', ['what?', 'ok']],
    ['drop', ['ok']],
  ] as const) {
    const path = podLog(t);
    writeFileSync(path, `what?\n${cri('stdout', 'F', 'ok')}`);
    const operators = [{ type: 'container', on_error }];
    const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
    await until(() => texts(rig).includes('ok'), 'the good line arrived');
    assert.deepEqual(texts(rig), kept);
    assert.equal(rig.context.meter.total('remora_filelog_parse_errors'), 1);
    assert.equal(rig.context.meter.total('remora_filelog_dropped_lines'), on_error === 'drop' ? 1 : 0);
  }
});

test('behind other operators, or with outputs, the operator does the same', async (t) => {
  const path = podLog(t);
  const lines =
    cri('stdout', 'P', 'a ') + cri('stderr', 'F', '{"k":1}') + cri('stdout', 'F', 'b') + docker('from docker\n');
  writeFileSync(path, lines);
  const chains = [
    [{ type: 'container' }],
    [
      { type: 'container', output: 'end' },
      { type: 'noop', id: 'end' },
    ],
    [
      { type: 'add', field: 'attributes.x', value: 'y' },
      { type: 'container' },
      { type: 'remove', field: 'attributes.x' },
    ],
  ];
  const results: unknown[] = [];
  for (const operators of chains) {
    const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
    await until(() => rig.consumer.items === 3, 'the lines arrived');
    results.push(got(rig).map((record) => ({ ...record, observedTimeUnixNano: 0n })));
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('JSON in the lines of a container is parsed on the bytes, with the time of the runtime unless it has its own', async (t) => {
  const path = podLog(t);
  writeFileSync(path, cri('stdout', 'P', '{"level":"warn",') + cri('stdout', 'F', '"n":1,"logtag":"mine"}'));
  const operators = [
    { type: 'container' },
    { type: 'json_parser' },
    { type: 'severity_parser', parse_from: 'attributes.level' },
  ];
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators });
  await until(() => rig.consumer.items === 1, 'the line arrived');
  const [record] = got(rig);
  assert.equal(record?.severityNumber, 13);
  assert.equal(record.timeUnixNano, NANOS);
  assert.equal(record.attributes.get('n'), 1);
  assert.equal(record.attributes.get('logtag'), 'mine');
});

test('a character that the runtime cut in two is whole in the joined line', async (t) => {
  const path = podLog(t);
  const [first = 0, second = 0] = Buffer.from('ü');
  const line = (tag: string, ...bytes: number[]): Buffer =>
    Buffer.concat([Buffer.from(cri('stdout', tag, '').slice(0, -1)), Buffer.from(bytes), Buffer.from('\n')]);
  writeFileSync(path, Buffer.concat([line('P', 0x67, first), line('F', second, 0x6e), line('F', 0x62, first)]));
  const rig = await startRig(t, { include: [path], start_at: 'beginning', operators: CONTAINER });
  await until(() => rig.consumer.items === 2, 'both lines arrived');
  assert.deepEqual(texts(rig), ['gün', 'b\uFFFD']);
});

test('a part whose file is truncated is sent, although a stop would keep it', async (t) => {
  const path = podLog(t);
  const storage = storageIn(tempDirectory(t));
  const config = { include: [path], start_at: 'beginning', operators: CONTAINER, force_flush_period: '1h' };
  writeFileSync(path, cri('stdout', 'P', 'a long part'));
  const rig = await startRig(t, config, { storage });
  await until(() => rig.context.meter.total('remora_filelog_held_bytes') > 0, 'the part waits');
  writeFileSync(path, cri('stdout', 'F', 'new'));
  await until(() => texts(rig).includes('new'), 'the new content arrived');
  await rig.stop();
  assert.deepEqual(texts(rig), ['a long part', 'new']);
});
