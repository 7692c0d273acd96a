import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, loadGood, problemsOf, warningsOf } from './load.ts';

const SMALL = `receivers:
  otlp:
    protocols:
      grpc:
exporters:
  debug:
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debug]
`;

const TEN_MISTAKES = `receivers:
  otlp:
    protocols:
      http:
        endpiont: localhost:4318
  filelog/app:
    include: /var/log/app.log
    poll_interval: 5 seconds
  hostmetrics:
processors:
  batch:
    send_batch_size: "8192"
exporters:
  otlp/backend:
    retyr: {}
    endpoint: \${env:UPSTREAM}
  debug:
    verbosity: basc
service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp/backnd]
    logs:
      receivers: [filelog/app]
      exporters: []
`;

test('ten mistakes give ten problems, each with its line, column, path and what to do', async () => {
  assert.deepEqual(await problemsOf({ 'app.yaml': TEN_MISTAKES }), [
    'app.yaml:5:9 receivers.otlp.protocols.http.endpiont: unknown key, did you mean "endpoint"?',
    'app.yaml:7:14 receivers.filelog/app.include: expected a list, found the text "/var/log/app.log"',
    'app.yaml:8:20 receivers.filelog/app.poll_interval: "5 seconds" is not a duration; write a number and a unit, such as 200ms, 5s or 1m30s',
    'app.yaml:9:3 receivers.hostmetrics: the Collector\'s receiver "hostmetrics" is not available in Remora; run node_exporter and scrape it with the prometheus receiver',
    'app.yaml:12:22 processors.batch.send_batch_size: expected a number, found the text "8192"; write it without quotes',
    'app.yaml:15:5 exporters.otlp/backend.retyr: unknown key, did you mean "retry_on_failure"?',
    'app.yaml:16:15 exporters.otlp/backend.endpoint: the environment variable UPSTREAM is not set; set it, or give a default: ${env:UPSTREAM:-default}',
    'app.yaml:18:16 exporters.debug.verbosity: expected one of "basic", "normal", "detailed", found the text "basc", did you mean "basic"?',
    'app.yaml:20:16 service.extensions[0]: extension "health_check" is not configured; add "health_check:" under extensions',
    'app.yaml:25:19 service.pipelines.traces.exporters[0]: exporter "otlp/backnd" is not configured, did you mean "otlp/backend"?',
    'app.yaml:28:7 service.pipelines.logs.exporters: a pipeline needs at least one exporter',
  ]);
});

test('a small configuration gives a plan with defaults', async () => {
  const plan = await loadGood({ 'a.yaml': SMALL });
  assert.deepEqual(plan.pipelines, [
    { id: 'traces', signal: 'traces', receivers: ['otlp'], processors: [], exporters: ['debug'] },
  ]);
  assert.equal(plan.exporters.get('debug')?.prepared.sending?.timeout, 5000);
  assert.equal(plan.service.shutdownTimeoutMs, 25_000);
  assert.deepEqual(plan.telemetry.metrics, {
    level: 'normal',
    host: 'localhost',
    port: 8888,
    withTypeSuffix: true,
  });
});

test('an id may use an alias of its type and keeps the name it was given', async () => {
  const text = SMALL.replaceAll('debug', 'otlp_grpc/up').replace('otlp_grpc/up:', 'otlp_grpc/up: {endpoint: "a:1"}');
  const plan = await loadGood({ 'a.yaml': text });
  assert.equal(plan.exporters.get('otlp_grpc/up')?.definition.type, 'otlp');
});

test('the hash follows the content and not the way it was written', async () => {
  const plan = await loadGood({ 'a.yaml': SMALL });
  const moved = await loadGood({ 'b.yaml': `# a comment\n\n${SMALL}` });
  const other = await loadGood({ 'b.yaml': SMALL }, { sets: ['exporters.debug.verbosity=normal'] });
  assert.match(plan.hash, /^[0-9a-f]{16}$/);
  assert.equal(moved.hash, plan.hash);
  assert.notEqual(other.hash, plan.hash);
});

test('what nothing uses is a warning and is not in the plan', async () => {
  const text = SMALL.replace('debug:\n', 'debug:\n  debug/two:\n').concat('extensions: {health_check: }\n');
  assert.deepEqual(await warningsOf({ 'a.yaml': text }), [
    'a.yaml:7:3 exporters.debug/two: this exporter is not started: no pipeline uses it',
    'a.yaml:13:14 extensions.health_check: this extension is not started: service.extensions does not list it',
  ]);
  assert.deepEqual([...(await loadGood({ 'a.yaml': text })).exporters.keys()], ['debug']);
});

test('unknown keys at the top and connectors that there are not are named', async () => {
  const text = `${SMALL}recievers: {}\nconnectors:\n  servicegraph:\n  spanmetric:\n`;
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), [
    'a.yaml:12:1 recievers: unknown key, did you mean "receivers"?',
    'a.yaml:14:3 connectors.servicegraph: the Collector\'s connector "servicegraph" is not available in Remora; draw it in the upstream, where both sides of a call meet; span_metrics counts calls by service',
    'a.yaml:15:3 connectors.spanmetric: unknown connector type "spanmetric", did you mean "span_metrics"?',
  ]);
});

test('a section that is a list is named once', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': SMALL.replace('  debug:\n', '  - debug\n') }), [
    'a.yaml:6:3 exporters: expected a map, found a list',
    'a.yaml:11:19 service.pipelines.traces.exporters[0]: exporter "debug" is not configured; add it under exporters',
  ]);
});

test('component types that nobody knows, and ids that are none, are named', async () => {
  const text = SMALL.replace('  debug:\n', '  debug:\n  debgu/x:\n  "debug/a b":\n  xyzzy:\n');
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), [
    'a.yaml:7:3 exporters.debgu/x: unknown exporter type "debgu", did you mean "debug"?',
    'a.yaml:8:3 exporters.debug/a b: "debug/a b" is not an id; write type or type/name, without spaces or symbols in the name',
    'a.yaml:9:3 exporters.xyzzy: unknown exporter type "xyzzy"; the exporters here are otlp, otlp_grpc, debug',
  ]);
});

test('a key of the Collector that we do not have says what to do instead', async () => {
  const text = SMALL.replace('  debug:\n', '  debug:\n    auth: {authenticator: basicauth}\n');
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), [
    'a.yaml:7:5 exporters.debug.auth: this key is not supported; authentication extensions are not available; set the credential in headers, from ${env:...}',
  ]);
});

test('a key without a value stands for its default, as in the Collector', async () => {
  const text = SMALL.replace('  debug:\n', '  debug:\n    verbosity:\n    sending_queue:\n').replace(
    'exporters: [debug]',
    'exporters: [debug]\n      processors:',
  );
  const plan = await loadGood({ 'a.yaml': text });
  assert.equal(plan.exporters.get('debug')?.prepared.sending?.sending_queue.queue_size, 1000);
  assert.deepEqual(plan.pipelines[0]?.processors, []);
});

test('a missing setting is named at its component', async () => {
  const text = SMALL.replaceAll('debug', 'otlp/up');
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), ['a.yaml:6:3 exporters.otlp/up.endpoint: is required: text']);
});

test('numbers out of range and sizes and durations of the wrong kind say what was expected', async () => {
  const text = SMALL.replace(
    '  debug:\n',
    `  debug:
    timeout: 5
    sending_queue: {queue_size: -1, num_consumers: 1.5, max_bytes: yes please, batch: 7}
    flush_jitter: 2
    retry_on_failure: {max_interval: true}
`,
  );
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), [
    'a.yaml:7:14 exporters.debug.timeout: "5" is not a duration; write a number and a unit, such as 200ms, 5s or 1m30s',
    'a.yaml:8:33 exporters.debug.sending_queue.queue_size: expected more than 0, found the number -1',
    'a.yaml:8:52 exporters.debug.sending_queue.num_consumers: expected a whole number, found the number 1.5',
    'a.yaml:8:68 exporters.debug.sending_queue.max_bytes: "yes please" is not a size; write bytes or a unit, such as 1MiB',
    'a.yaml:8:87 exporters.debug.sending_queue.batch: expected a map, found the number 7',
    'a.yaml:9:19 exporters.debug.flush_jitter: expected at most 1, found the number 2',
    'a.yaml:10:38 exporters.debug.retry_on_failure.max_interval: expected a duration such as 200ms, 5s or 1m30s, found the value true',
  ]);
});

test('alternatives are told apart by the key that decides between them', async () => {
  const text = SMALL.replace(
    'exporters:\n',
    `processors:
  attributes:
    actions:
      - {action: insret, key: a}
      - {action: insert, key: a}
      - {action: delete, key: a, vlaue: 1}
exporters:
`,
  ).replace('receivers: [otlp]', 'receivers: [otlp]\n      processors: [attributes]');
  assert.deepEqual(await problemsOf({ 'a.yaml': text }), [
    'a.yaml:8:18 processors.attributes.actions[0].action: expected one of "insert", "delete", found the text "insret", did you mean "insert"?',
    'a.yaml:9:9 processors.attributes.actions[1].value: is required: text or a number or true or false',
    'a.yaml:10:34 processors.attributes.actions[2].vlaue: unknown key, did you mean "value"?',
  ]);
});

test('a complaint of the component itself stands at the place it names', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': SMALL.replace('      grpc:\n', '') }), [
    'a.yaml:3:5 receivers.otlp.protocols: must specify at least one protocol',
  ]);
});

test('an unreadable file is the only problem told', async () => {
  const result = await load({ 'a.yaml': SMALL }, { configs: ['a.yaml', 'nowhere.yaml'] });
  assert.equal(result.ok, false);
  assert.deepEqual(await problemsOf({ 'a.yaml': SMALL }, { configs: ['a.yaml', 'nowhere.yaml'] }), [
    'nowhere.yaml: cannot be read (no such file); check that the file exists and is readable',
  ]);
});

test('no configuration at all says what is missing', async () => {
  assert.deepEqual(await problemsOf({ 'a.yaml': '' }), [
    'a.yaml:1:1 service.pipelines: there must be at least one pipeline; add for example traces: {receivers: [otlp], exporters: [debug]}',
  ]);
});

test('no way of writing a key reaches the prototype of an object', async () => {
  const set = await problemsOf({ 'a.yaml': SMALL }, { sets: ['exporters.debug.__proto__.polluted=1'] });
  assert.deepEqual(set, ['--set: "exporters.debug.__proto__.polluted" does not name a key; write --set a.b.c=value']);
  const nested = await problemsOf({ 'a.yaml': `${SMALL}exporters::debug::__proto__::polluted: 1\n` });
  assert.deepEqual(nested, ['a.yaml:12:1 exporters::debug::__proto__::polluted: this key is not allowed']);
  const env = { X: '{__proto__: {polluted: 1}}' };
  const fetched = await problemsOf({ 'a.yaml': SMALL.replace('debug:', 'debug: ${env:X}') }, { env });
  assert.match(fetched.join(), /exporters\.debug: expected a map, found the text from \$\{env:X\}/);
});

test('a queue that can hold nothing is refused', async () => {
  const config = SMALL.replace('debug:', 'debug: {sending_queue: {max_bytes: 0}}');
  assert.match((await problemsOf({ 'a.yaml': config })).join(), /sending_queue\.max_bytes: must be more than 0/);
});

test('a queue that could never take a batch of lines is warned of, where it is', async () => {
  const withQueue = (
    queue: string,
    receiver = 'filelog',
  ): string => `receivers: {filelog: {include: [a]}, otlp: {protocols: {http: }}}
exporters: {otlp: {endpoint: 'x:1', sending_queue: ${queue}}}
service: {pipelines: {logs: {receivers: [${receiver}], exporters: [otlp]}}}
`;
  const warned = async (queue: string, receiver?: string): Promise<string[]> => {
    const all = await warningsOf({ 'a.yaml': withQueue(queue, receiver) });
    return all.filter((line) => line.includes('sending_queue'));
  };
  const place = 'exporters.otlp.sending_queue.queue_size: filelog sends up to';
  assert.deepEqual(await warned('{sizer: items, queue_size: 5000}'), [
    `a.yaml:2:79 ${place} 10000 items at once, and what is more than 5000 is refused for good; raise it`,
  ]);
  assert.deepEqual(await warned('{sizer: bytes, queue_size: 100000}'), [
    `a.yaml:2:79 ${place} 524288 bytes at once, and what is more than 100000 is refused for good; raise it`,
  ]);
  assert.deepEqual(await warned('{sizer: items, queue_size: 20000}'), []);
  assert.deepEqual(await warned('{queue_size: 10}'), []);
  assert.deepEqual(await warned('{sizer: items, queue_size: 5000}', 'otlp'), []);
});

test('lingering must leave enough of the time to stop, and says how much it may take', async () => {
  const problems = async (service: string): Promise<string> =>
    (await problemsOf({ 'app.yaml': SMALL.replace('service:\n', `service:\n  ${service}\n`) })).join();
  assert.equal(await problems('drain: {linger: 20s}'), '');
  assert.equal(await problems('shutdown_timeout: 4s\n  drain: {linger: 2s}'), '');
  assert.match(
    await problems('drain: {linger: 21s}'),
    /^app\.yaml:8:19 service\.drain\.linger: leaves too little of shutdown_timeout .* at most 20000ms, or raise/,
  );
  assert.match(await problems('shutdown_timeout: 4s\n  drain: {linger: 3s}'), /at most 2000ms/);
  assert.match(await problems('drain: {linger: 5s, linger_idle: 0s}'), /linger_idle: must be more than 0/);
  assert.match(await problems('bypass: {max_duration: 0s}'), /bypass\.max_duration: must be more than 0/);
});
