import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { graphOf, issuesOf, makeEntry, mapOf, plain, process, run } from './operating.ts';

const mark = (id: string, output?: string): object => ({
  type: 'add',
  id,
  field: 'attributes.went',
  value: id,
  ...(output === undefined ? {} : { output }),
});

test('an operator whose if is false is passed by, and one whose if fails follows on_error', () => {
  const add = (rest: object): object => ({ type: 'add', field: 'attributes.a', value: 1, ...rest });
  assert.equal(run([add({ if: 'body == "x"' })], 'x').entries[0]?.attributes.get('a'), 1);
  assert.equal(run([add({ if: 'body == "x"' })], 'y').entries[0]?.attributes.size, 0);
  const failing = { if: 'attributes.n > 1' };
  const sent = run([add(failing)], { attributes: mapOf({ n: 'text' }) });
  assert.deepEqual([sent.entries[0]?.attributes.size, sent.parseErrors], [1, 1]);
  const dropped = run([add({ ...failing, on_error: 'drop' })], { attributes: mapOf({ n: 'text' }) });
  assert.deepEqual([dropped.entries.length, dropped.droppedLines], [0, 1]);
});

test('an operator that is passed by leads to its own output', () => {
  const operators = [{ type: 'json_parser', if: 'false', output: 'last' }, mark('middle'), mark('last')];
  assert.equal(run(operators, '{}').entries[0]?.attributes.get('went'), 'last');
});

test('if guards every operator', () => {
  const settings: Record<string, object> = {
    json_parser: {},
    regex_parser: { regex: '(?P<a>.)' },
    key_value_parser: {},
    logfmt: {},
    csv_parser: { header: 'a' },
    uri_parser: {},
    time_parser: { parse_from: 'body', layout: '%Y' },
    severity_parser: { parse_from: 'body' },
    trace_parser: {},
    scope_name_parser: {},
    move: { from: 'body', to: 'attributes.b' },
    copy: { from: 'body', to: 'attributes.b' },
    remove: { field: 'body' },
    add: { field: 'body', value: 1 },
    retain: { fields: ['body.x'] },
    flatten: { field: 'body.x' },
    assign_keys: { field: 'body', keys: ['a'] },
    unquote: { field: 'body' },
    regex_replace: { field: 'body', regex: 'x' },
    sanitize_utf8: {},
    filter: { expr: 'true' },
    noop: {},
  };
  for (const [type, rest] of Object.entries(settings)) {
    const { entries, logged } = run([{ type, ...rest, if: 'false' }], 'x=1');
    assert.deepEqual(entries, [makeEntry('x=1')], type);
    assert.deepEqual(logged, [], type);
  }
});

test('filter drops what its expression is true for, counted, and drop_ratio drops a share', () => {
  const operators = [{ type: 'filter', expr: 'body matches "^LOG: .* END$"' }];
  assert.deepEqual(run(operators, 'LOG: x END'), { entries: [], parseErrors: 0, droppedLines: 1, logged: [] });
  assert.equal(run(operators, 'LOG: x').entries.length, 1);
  const share = graphOf([{ type: 'filter', expr: 'true', drop_ratio: 0.25 }], seededRandom('share'));
  for (let i = 0; i < 2000; i++) share.first.accept(makeEntry('x'));
  assert.equal(share.entries.length + share.droppedLines.value, 2000);
  assert.ok(share.droppedLines.value > 400 && share.droppedLines.value < 600, `${share.droppedLines.value} dropped`);
  const none = graphOf([{ type: 'filter', expr: 'true', drop_ratio: 0 }], () => 0);
  none.first.accept(makeEntry('x'));
  assert.equal(none.entries.length, 1);
});

test('a filter whose expression fails keeps the line unless on_error drops it', () => {
  const entry = { attributes: mapOf({ n: 'text' }) };
  const filter = { type: 'filter', expr: 'attributes.n > 1' };
  assert.deepEqual([run([filter], entry).entries.length, run([filter], entry).parseErrors], [1, 1]);
  assert.equal(run([{ ...filter, on_error: 'drop_quiet' }], entry).entries.length, 0);
});

test('router sends a line to the first route that takes it, with its attributes', () => {
  const operators = [
    {
      type: 'router',
      routes: [
        {
          expr: 'body startsWith "{"',
          output: 'json',
          attributes: { format: 'json', size: 'EXPR(string(len(body)))' },
        },
        { expr: 'body startsWith "{x"', output: 'never' },
        { expr: 'body startsWith "E"', output: ['error', 'copy'] },
      ],
    },
    mark('json', 'noop'),
    mark('never', 'noop'),
    mark('error', 'noop'),
    mark('copy'),
  ];
  const went = (body: string): unknown[] => run(operators, body).entries.map(({ attributes }) => plain(attributes));
  assert.deepEqual(went('{x}'), [{ format: 'json', size: '3', went: 'json' }]);
  assert.deepEqual(went('Error'), [{ went: 'error' }, { went: 'copy' }]);
  const dropped = run(operators, 'other');
  assert.deepEqual([dropped.entries.length, dropped.droppedLines, dropped.parseErrors], [0, 1, 0]);
});

test('router sends the rest to its default, and goes on after a route whose expression fails', () => {
  const operators = [
    { type: 'router', routes: [{ expr: 'attributes.n > 1', output: 'big' }], default: 'rest' },
    mark('big', 'noop'),
    mark('rest'),
  ];
  const failed = run(operators, { attributes: mapOf({ n: 'text' }) });
  assert.deepEqual(plain(failed.entries[0]?.attributes), { n: 'text', went: 'rest' });
  assert.deepEqual([failed.parseErrors, failed.droppedLines], [1, 0]);
  assert.equal(run(operators, { attributes: mapOf({ n: 2 }) }).entries[0]?.attributes.get('went'), 'big');
});

test('expressions are refused when the configuration is read, where they stand', () => {
  const router = (rest: object): object => ({ type: 'router', routes: [{ expr: 'true', output: 'noop' }], ...rest });
  assert.match(issuesOf([{ type: 'noop', if: 'body ==' }]).join(), /^0\.if: /);
  assert.match(issuesOf([{ type: 'filter', expr: '1 + 1' }]).join(), /^0\.expr: /);
  assert.match(issuesOf([router({ routes: [{ expr: 'x(', output: 'noop' }] })]).join(), /^0\.routes\.0\.expr: /);
  assert.match(issuesOf([{ type: 'add', field: 'body', value: 'EXPR(1 +)' }]).join(), /^0\.value: /);
  assert.match(issuesOf([router({ if: 'true' })]).join(), /^0\.if: .*into its routes/);
  assert.match(issuesOf([router({ output: 'noop' })]).join(), /^0\.output: .*use default/);
  assert.match(issuesOf([router({ routes: [] })]).join(), /^0\.routes: /);
  assert.match(issuesOf([router({ default: 'gone' })]).join(), /^0\.default: there is no operator with the id "gone"/);
  assert.match(issuesOf([{ type: 'filter', expr: 'true', drop_ratio: 2 }]).join(), /^0\.drop_ratio: /);
});

test('add takes the value of an expression', () => {
  const add = (value: string): unknown =>
    plain(run([{ type: 'add', field: 'attributes.k', value }], { body: mapOf({ key: 'v' }) }).entries[0]?.attributes);
  assert.deepEqual(add('EXPR(body.key + "_suffix")'), { k: 'v_suffix' });
  assert.deepEqual(add('EXPR(len(body.key) == 1)'), { k: true });
  assert.deepEqual(add('plain EXPR(body.key)'), { k: 'plain EXPR(body.key)' });
});

test("a configuration in the Collector's old Kubernetes style takes Docker and CRI lines apart", async (t) => {
  const id = '0123abcd-0000-1111-2222-333344445555';
  const lines = [
    '{"log":"from docker\\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}',
    '2026-01-02T03:04:06.5+01:00 stderr F from crio',
    '2026-01-02T03:04:07.000000001Z stdout F from containerd',
    'something else',
  ];
  const operators = [
    {
      type: 'router',
      id: 'get-format',
      routes: [
        { output: 'parser-docker', expr: 'body matches "^\\\\{"' },
        { output: 'parser-crio', expr: 'body matches "^[^ Z]+ "' },
        { output: 'parser-containerd', expr: 'body matches "^[^ Z]+Z"' },
      ],
    },
    {
      type: 'regex_parser',
      id: 'parser-crio',
      regex: '^(?P<time>[^ Z]+) (?P<stream>stdout|stderr) (?P<logtag>[^ ]*) ?(?P<log>.*)$',
      output: 'extract_metadata_from_filepath',
      on_error: 'drop_quiet',
      timestamp: {
        parse_from: 'attributes.time',
        layout_type: 'gotime',
        layout: '2006-01-02T15:04:05.999999999Z07:00',
      },
    },
    {
      type: 'regex_parser',
      id: 'parser-containerd',
      regex: '^(?P<time>[^ ^Z]+Z) (?P<stream>stdout|stderr) (?P<logtag>[^ ]*) ?(?P<log>.*)$',
      output: 'extract_metadata_from_filepath',
      timestamp: { parse_from: 'attributes.time', layout: '%Y-%m-%dT%H:%M:%S.%LZ' },
    },
    {
      type: 'json_parser',
      id: 'parser-docker',
      output: 'extract_metadata_from_filepath',
      timestamp: { parse_from: 'attributes.time', layout: '%Y-%m-%dT%H:%M:%S.%LZ' },
    },
    {
      type: 'regex_parser',
      id: 'extract_metadata_from_filepath',
      regex:
        '^.*\\/(?P<namespace>[^_]+)_(?P<pod_name>[^_]+)_(?P<uid>[a-f0-9\\-]{36})\\/(?P<container_name>[^\\._]+)\\/(?P<restart_count>\\d+)\\.log$',
      parse_from: 'attributes["log.file.path"]',
      cache: { size: 128 },
    },
    { type: 'move', from: 'attributes.stream', to: 'attributes["log.iostream"]' },
    { type: 'move', from: 'attributes.container_name', to: 'resource["k8s.container.name"]' },
    { type: 'move', from: 'attributes.namespace', to: 'resource["k8s.namespace.name"]' },
    { type: 'move', from: 'attributes.pod_name', to: 'resource["k8s.pod.name"]' },
    { type: 'move', from: 'attributes.restart_count', to: 'resource["k8s.container.restart_count"]' },
    { type: 'move', from: 'attributes.uid', to: 'resource["k8s.pod.uid"]' },
    { type: 'move', from: 'attributes.log', to: 'body' },
    { type: 'remove', field: 'attributes.time' },
    { type: 'remove', field: 'attributes.logtag', on_error: 'send_quiet' },
    { type: 'remove', field: 'attributes["log.file.path"]' },
  ];
  const { all, rig } = await process(t, `${lines.join('\n')}\n`, operators, { include_file_path: true }, [
    'pods',
    `shop_cart-1_${id}`,
    'cart',
    '7.log',
  ]);
  assert.deepEqual(
    all.map(({ body }) => body),
    ['from docker\n', 'from crio', 'from containerd'],
  );
  assert.deepEqual(
    all.map(({ attributes }) => Object.fromEntries(attributes)),
    ['stdout', 'stderr', 'stdout'].map((stream) => ({ 'log.iostream': stream })),
  );
  assert.deepEqual(
    all.map(({ timeUnixNano }) => timeUnixNano),
    [
      BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n + 123_456_789n,
      BigInt(Date.UTC(2026, 0, 2, 2, 4, 6)) * 1_000_000n + 500_000_000n,
      BigInt(Date.UTC(2026, 0, 2, 3, 4, 7)) * 1_000_000n + 1n,
    ],
  );
  assert.equal(new Set(all.map(({ resource }) => resource)).size, 1, 'records of one resource stand together');
  assert.deepEqual(Object.fromEntries(all[0]?.resource ?? []), {
    'k8s.container.name': 'cart',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': 'cart-1',
    'k8s.container.restart_count': '7',
    'k8s.pod.uid': id,
  });
  assert.equal(rig.context.meter.total('remora_filelog_dropped_lines'), 1);
});
