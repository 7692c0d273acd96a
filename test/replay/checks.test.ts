import assert from 'node:assert/strict';
import { access, appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { deliveredWithin } from '../../src/replay/checks/delay.ts';
import { jobsOf } from '../../src/replay/jobs.ts';
import { junitXml } from '../../src/replay/report/junit.ts';
import { resultText } from '../../src/replay/report/text.ts';
import { runJob, type JobResult } from '../../src/replay/run-job.ts';
import { appendLine, CONFIG, fixtureFolder, MANIFEST, pageLine, spansLine, type Files } from './fixture-folder.ts';

const ERROR_TRACES = [
  spansLine(1, [
    { trace: 1, id: 1, name: 'GET /cart' },
    { trace: 2, id: 2, name: 'GET /pay', attributes: { 'user.email': 'ann@example.com' } },
  ]),
  spansLine(2, [{ trace: 2, id: 3, name: 'SELECT', isError: true, service: 'database' }]),
].join('');

const NO_SUMMARY = {
  ledgerCloses: true,
  nodes: [],
  requests: { answers: {}, retries: 0, unreceived: {} },
  unknownPages: [],
};

const CHECKS_ALONE = MANIFEST.replace('config.yaml]', 'config.yaml], expect: nothing');

interface Replay {
  readonly checks: string;
  readonly files?: Files;
  /** Processors of traces. */
  readonly processors?: string;
  readonly more?: string;
  readonly update?: boolean;
}

async function replayed(
  t: TestContext,
  { checks, files = {}, processors, more = '', update = false }: Replay,
): Promise<JobResult & { folder: string }> {
  const config =
    processors === undefined
      ? CONFIG
      : CONFIG.replace('processors:\n', `processors:\n  ${processors}\n`).replace(
          'receivers: [otlp], processors: [',
          `receivers: [otlp], processors: [${processors.split(':')[0] ?? ''}, `,
        );
  const folder = await fixtureFolder(t, {
    'requests.jsonl': ERROR_TRACES,
    'manifest.yaml': `${update ? MANIFEST : CHECKS_ALONE}checks: ${checks}\n${more}`,
    'config.yaml': config,
    ...files,
  });
  const [job] = await jobsOf([folder], undefined);
  assert.ok(job);
  return { ...(await runJob(job, { update })), folder };
}

/** What failed, as it is reported. */
function failures({ differences, error }: JobResult): string[] {
  assert.equal(error, undefined);
  return differences.map(({ what, details }) => [what, ...details].join(' | '));
}

const DROP_ERRORS = "filter: { traces: { span: ['status.code == STATUS_CODE_ERROR'] } }";

test('a replay that expects nothing passes on its checks', async (t) => {
  const checks = `[{ error_traces_kept: true, ledger_closes: true }, { kept: { signal: traces, at_least: 1, at_most: 1 } }, { max_series: 100 }, { delivered_within: 2s }, { no_attribute: { key: '^password$' } }]`;
  const result = await replayed(t, { checks });
  assert.deepEqual(failures(result), []);
  assert.equal(result.status, 'passed');
  assert.equal(result.checks.length, 6);
  assert.match(resultText(result), /^ok {7}app\/app {2}\d+ items, 6 checks, /);
});

test('an error trace that loses a span is told with the spans that are missing', async (t) => {
  const result = await replayed(t, {
    checks: '[{ error_traces_kept: true }]',
    processors: 'filter: { traces: { span: [\'name == "GET /pay"\'] } }',
  });
  assert.equal(result.status, 'failed');
  assert.deepEqual(failures(result), [
    `error_traces_kept: 1 span of 1 trace with an error did not arrive | span ${hex(2, 16)} of trace ${hex(2, 32)} "GET /pay"`,
  ]);
  assert.match(
    resultText(result),
    /FAILED {3}app\/app {2}1 failed, .*\n {4}checks\n {6}! error_traces_kept: .*\n {10}span /,
  );
});

test('traces without errors may be dropped', async (t) => {
  const processors = 'filter: { traces: { span: [\'name == "GET /cart"\'] } }';
  const result = await replayed(t, { checks: '[{ error_traces_kept: true }]', processors });
  assert.equal(result.status, 'passed');
});

test('an attribute that leaves is told by its key and where, and its value is not', async (t) => {
  for (const checks of [
    "[{ no_attribute: { key: 'email' } }]",
    "[{ no_attribute: { value: '@example\\.com' } }]",
    "[{ no_attribute: { key: '^user', value: '^ann@' } }]",
  ]) {
    const result = await replayed(t, { checks });
    const [failure = ''] = failures(result);
    assert.match(
      failure,
      /1 item has what may not leave \| attributes\["user\.email"\] of span 0{15}2 .*, delivered by otlphttp$/,
    );
    assert.doesNotMatch(resultText(result), /ann@example\.com/);
  }
});

test('attributes of resources count, and so do log bodies and names of spans for a value alone', async (t) => {
  const of = async (check: string, files: Files = {}) =>
    failures(await replayed(t, { checks: `[{ no_attribute: ${check} }]`, files }));
  assert.match(
    (await of("{ key: 'service\\.name', value: '^data' }"))[0] ?? '',
    /resource\.attributes\["service\.name"\] of span 0{15}3/,
  );
  assert.match((await of("{ value: 'SELECT' }"))[0] ?? '', /1 item .*\| name of span/);
  const labels = { 'pages.jsonl': pageLine(0, '# TYPE hits counter\nhits{email="a@b.example"} 1\n') };
  assert.match((await of("{ key: '^email$' }", labels))[0] ?? '', /\| attributes\["email"\] of metric hits at/);
  const secret = { 'files.jsonl': appendLine(1, 'card 4111111111111111\n') };
  const [found = ''] = await of("{ value: '\\b\\d{16}\\b' }", secret);
  assert.match(found, /1 item .* \| body of log at 2026-06-01T00:00:01\.\d{3}Z, delivered by otlphttp$/);
  assert.deepEqual(await of("{ key: '.', value: '\\b\\d{16}\\b' }", secret), []);
});

test('a secret is found in lists, in numbers and in bytes, once for an item, and never told', async (t) => {
  const attributes = [
    { key: 'cards', value: { arrayValue: { values: [{ stringValue: 'none' }, { stringValue: '4111111111111111' }] } } },
    { key: 'card', value: { intValue: '4222222222222222' } },
    { key: 'raw', value: { bytesValue: Buffer.from('card 4333333333333333').toString('base64') } },
  ];
  const of = async (resource: object[], span: object, check: string) => {
    const spans = [{ traceId: '0'.repeat(31) + '1', spanId: '0'.repeat(15) + '1', name: 'GET', ...span }];
    const resourceSpans = [{ resource: { attributes: resource }, scopeSpans: [{ spans }] }];
    const envelope = { at: 1, receiver: 'otlp', transport: 'http', signal: 'traces', headers: {} };
    const files = { 'requests.jsonl': `${JSON.stringify({ ...envelope, body: { resourceSpans } })}\n` };
    return failures(await replayed(t, { checks: `[{ no_attribute: ${check} }]`, files }));
  };
  for (const attribute of attributes) {
    const pattern = attribute.key === 'raw' ? '4\\d{15}' : '^4\\d{15}$';
    for (const key of ['', `key: '^${attribute.key}$', `]) {
      const found = await of([], { attributes: [attribute] }, `{ ${key}value: '${pattern}' }`);
      assert.equal(found.length, 1, JSON.stringify([attribute, key]));
      assert.match(
        found[0] ?? '',
        new RegExp(`\\| attributes\\["${attribute.key}"\\] of span 0{15}1 of trace 0{31}1, `),
      );
    }
  }
  const [twice = ''] = await of(attributes, { attributes, name: 'GET /4444444444444444' }, "{ value: '4\\d{15}' }");
  assert.match(twice, /: 1 item has/);
  assert.doesNotMatch(twice, /4444/);
  assert.match(
    (await of([], { traceState: 'x=4555555555555555' }, "{ value: '4\\d{15}' }"))[0] ?? '',
    /\| traceState of/,
  );
});

test('a check by value fails for values that the recording took out, unless it says that it is not about them', async (t) => {
  const spans = [
    { trace: 1, id: 1, name: 'GET /', attributes: { 'user.email': '[REDACTED:3f9a2c01b7]', 'session.id': 'of ann' } },
    { trace: 2, id: 2, name: 'GET /', attributes: { 'user.email': '[REDACTED:0f9a2c01b7]' } },
  ];
  const files = {
    'requests.jsonl': spansLine(1, spans),
    'files.jsonl': appendLine(1, 'password=[REDACTED:1f9a2c01b7]\n'),
  };
  const of = async (check: string) => failures(await replayed(t, { checks: `[{ no_attribute: ${check} }]`, files }));
  const value = "value: '[\\w.+-]+@[\\w-]+\\.\\w+'";
  const [unseen = '', ...rest] = await of(`{ ${value} }`);
  assert.deepEqual(rest, []);
  assert.match(
    unseen,
    /: 3 values were taken out by the recording, and a check by value cannot see them; check their "key", or name those that it is not about in "redacted" \| attributes\["user\.email"\]: 2 times \| body: 1 time$/,
  );
  // It may say what it is not about; another one still fails it.
  assert.deepEqual(await of(`{ ${value}, redacted: '^(user\\.email|body)$' }`), []);
  assert.match((await of(`{ ${value}, redacted: '^body$' }`))[0] ?? '', /: 2 values were .* \| attributes\["user/);
  // It looks at no other keys.
  assert.deepEqual(await of(`{ key: '^session', ${value} }`), []);
  assert.match((await of("{ key: '^user', value: '^ann' }"))[0] ?? '', /: 2 values were taken out/);
  // What leaves is told first, and what is not looked at by its value is seen.
  assert.match((await of("{ value: 'of ann' }"))[0] ?? '', /1 item has what may not leave/);
  assert.match((await of("{ key: '^user' }"))[0] ?? '', /2 items have what may not leave/);
  const mistaken = await replayed(t, { checks: "[{ no_attribute: { key: '^user', redacted: 'x' } }]", files });
  assert.match(mistaken.error ?? '', /no_attribute: redacted is about a check by value/);
});

test('series are counted over all metrics, or of one', async (t) => {
  const page = (second: number): string =>
    pageLine(
      second,
      '# TYPE hits counter\n' + Array.from({ length: 9 }, (_, i) => `hits{r="${i}"} ${second}\n`).join(''),
    );
  const files = { 'pages.jsonl': [0, 15, 30].map(page).join('') };
  const of = async (check: string) => failures(await replayed(t, { checks: `[{ max_series: ${check} }]`, files }));
  assert.deepEqual(await of('{ limit: 9, metric: hits }'), []);
  assert.deepEqual(await of('{ limit: 8, metric: hits }'), [
    'max_series 8 of hits: otlphttp delivered 9 series, and 8 are allowed | hits: 9 series',
  ]);
  assert.match(
    (await of('5'))[0] ?? '',
    /^max_series 5: otlphttp delivered 1\d series, and 5 are allowed \| hits: 9 series \| /,
  );
});

test('what is delivered late is told with how late', async (t) => {
  const more = 'upstream: [{ from: 0s, until: 20s, answer: unreachable }]\n';
  const [failure = '', ...rest] = failures(await replayed(t, { checks: '[{ delivered_within: 5s }]', more }));
  assert.deepEqual(rest, []);
  assert.match(
    failure,
    /^delivered_within 5s: \d+ items took longer than 5s, up to [\d.]+ s \| .*: [\d.]+ s, by otlphttp/,
  );
  const unscraped = CONFIG.replaceAll('prometheus, otlp', 'otlp');
  const logs = { 'requests.jsonl': undefined, 'config.yaml': unscraped };
  const late = failures(await replayed(t, { checks: '[{ delivered_within: 5s }]', more, files: logs }));
  assert.match(late[0] ?? '', / log "line 1" at 2026-[^ ]+Z: [\d.]+ s, by otlphttp/);
  const inTime = await replayed(t, { checks: '[{ delivered_within: 2m }]', more });
  assert.equal(inTime.status, 'passed');
});

test('of what is late, what was latest is shown', () => {
  const check = deliveredWithin(500, 0);
  const times = [7, 1, 3, 9, 0.1, 8, 4];
  times.forEach((seconds, n) => {
    const body = { traceId: '01', spanId: `0${n}`, name: 'GET' };
    check.arrived?.({ signal: 'traces', surroundings: {}, body }, 0);
    check.delivered?.({ signal: 'traces', surroundings: {}, body }, 'otlp', seconds * 1000);
  });
  const verdict = check.verdict(NO_SUMMARY, new Set(['otlp']));
  assert.equal(verdict?.message, '6 items took longer than 500ms, up to 9 s');
  assert.deepEqual(
    verdict.examples,
    [3, 5, 0, 6, 2].map((n) => `span 0${n} of trace 01 "GET": ${times[n]} s, by otlp`),
  );
});

test('the share that is kept has bounds', async (t) => {
  const of = async (bounds: string) =>
    failures(await replayed(t, { checks: `[{ kept: { signal: traces, ${bounds} } }]`, processors: DROP_ERRORS }));
  assert.deepEqual(await of('at_least: 0.6, at_most: 0.7'), []);
  assert.deepEqual(await of('at_least: 0.7'), [
    'kept traces: the share that is kept is not at least 0.7 | otlphttp: 2 of 3, a share of 0.6667',
  ]);
  assert.match((await of('at_most: 0.6'))[0] ?? '', /is not 0 to 0\.6/);
});

test('a check may look at one exporter, and a replay may have checks of its own', async (t) => {
  const own = (exporter: string): string =>
    MANIFEST.replace(
      'config: [config.yaml]',
      `config: [config.yaml], checks: [{ exporter: otlphttp, max_series: 0 }, { exporter: ${exporter}, max_series: 100 }]`,
    );
  const result = await replayed(t, { checks: '', files: { 'manifest.yaml': own('otlphttp') } });
  assert.deepEqual(
    result.checks.map(({ name, failure }) => `${name}: ${failure === undefined}`),
    ['max_series 0 of exporter otlphttp: false', 'max_series 100 of exporter otlphttp: true'],
  );
  // One that is not there is told where it stands, before anything is replayed.
  const typo = await replayed(t, { checks: '', files: { 'manifest.yaml': own('otlphtp') } });
  assert.match(
    typo.error ?? '',
    /manifest\.yaml:6:\d+ replays\.app\.checks\[1\]\.exporter: there is no exporter "otlphtp", did you mean "otlphttp"\?$/,
  );
  const other = await replayed(t, { checks: '[{ exporter: nope, ledger_closes: true }]' });
  assert.equal(other.status, 'invalid');
  assert.match(
    other.error ?? '',
    /manifest\.yaml:7:\d+ checks\[0\]\.exporter: there is no exporter "nope", only otlphttp$/,
  );
});

test('patterns are those of configurations, and what a check cannot mean is told at its place', async (t) => {
  const file = appendLine(1, 'mail to ann.b+c@shop.example of account 1234567890123456\n');
  const of = async (check: string) => await replayed(t, { checks: `[{ ${check} }]`, files: { 'files.jsonl': file } });
  const found = failures(await of("no_attribute: { key: '(?i)USER\\.Email' }"));
  assert.match(found[0] ?? '', /^no_attribute key \(\?i\)USER\\\.Email: 1 item has what may not leave/);
  // The example of docs/replay.md.
  const address = failures(await of("no_attribute: { value: '[\\w.+-]+@[\\w-]+\\.\\w+' }"));
  assert.match(address[0] ?? '', /: 2 items have what may not leave/);
  for (const [check, says] of [
    ["no_attribute: { key: '(a' }", /checks\[0\]\.no_attribute\.key: .*\(a/],
    ['kept: { signal: traces, at_least: 5 }', /checks\[0\]\.kept\.at_least: is a share, from 0 to 1: 5 % is 0\.05/],
    ['kept: { signal: traces, at_most: 15 }', /checks\[0\]\.kept\.at_most: is a share/],
    ['ledger_closes: false', /checks\[0\]\.ledger_closes: can only be true; leave it out/],
    ['error_traces_kept: false', /checks\[0\]\.error_traces_kept: can only be true/],
  ] as const) {
    const { error = '', status } = await of(check);
    assert.match(error, says);
    assert.equal(status, 'invalid');
  }
});

test('a check that has nothing to look at fails', async (t) => {
  const calm = { 'requests.jsonl': spansLine(1, [{ trace: 1, id: 1, name: 'GET /cart' }]) };
  const of = async (check: string, more: Omit<Replay, 'checks'> = {}) =>
    failures(await replayed(t, { checks: `[{ ${check} }]`, ...more }));
  assert.deepEqual(await of('error_traces_kept: true', { files: calm }), [
    'error_traces_kept: the input has no trace with an error, so it proves nothing',
  ]);
  const away = 'upstream: [{ answer: { status: 400 } }]\n';
  assert.match((await of('error_traces_kept: true', { more: away }))[0] ?? '', /2 spans of 1 trace with an error did/);
  for (const check of ["no_attribute: { key: 'email' }", 'delivered_within: 5s', 'max_series: 500']) {
    const [failure = '', ...rest] = await of(check, { more: away });
    assert.deepEqual(rest, []);
    assert.match(failure, /delivered.*, so it proves nothing$/);
  }
  const nothing = {
    'requests.jsonl': '',
    'files.jsonl': '',
    'config.yaml': CONFIG.replaceAll('prometheus, otlp', 'otlp'),
  };
  assert.deepEqual(await of('ledger_closes: true', { files: nothing }), [
    'ledger_closes: nothing came in, so it proves nothing',
  ]);
  assert.match((await of('max_series: { limit: 5, metric: hitz }'))[0] ?? '', /no series of hitz was delivered/);
  assert.deepEqual(await of('max_series: { limit: 0, metric: hitz }'), []);
  assert.match(
    (await of('kept: { signal: traces, at_most: 0.5 }', { files: { 'requests.jsonl': '' } }))[0] ?? '',
    /no receiver took any traces, so it proves nothing/,
  );
});

test('what the upstream refuses is not delivered, whatever else prints it', async (t) => {
  const config = CONFIG.replace('exporters:\n', 'exporters:\n  debug:\n').replaceAll(
    'exporters: [otlphttp]',
    'exporters: [otlphttp, debug]',
  );
  assert.match(config, /otlphttp, debug/);
  const of = async (check: string, answer: string) =>
    failures(
      await replayed(t, {
        checks: `[{ ${check} }]`,
        files: { 'config.yaml': config },
        more: `upstream: [{ answer: ${answer} }]\n`,
      }),
    );
  for (const answer of ['{ status: 400 }', '{ rejected: 100000 }']) {
    assert.match((await of('error_traces_kept: true', answer))[0] ?? '', /2 spans of 1 trace with an error did not/);
    assert.deepEqual(await of('kept: { signal: traces, at_least: 0.9 }', answer), [
      'kept traces: the share that is kept is not at least 0.9 | otlphttp: 0 of 3, a share of 0.0000',
    ]);
    // What it prints has left.
    assert.match((await of("no_attribute: { key: 'email' }", answer))[0] ?? '', /delivered by debug$/);
  }
  assert.deepEqual(await of('kept: { signal: traces, at_least: 0.9 }', 'accept'), []);
});

test('what a connector makes is nothing that a receiver took', async (t) => {
  const text = CONFIG.replace(
    'exporters:\n',
    'connectors:\n  span_metrics: { metrics_flush_interval: 1s }\nexporters:\n',
  )
    .replace(/(traces: .*exporters: \[otlphttp)\]/, '$1, span_metrics]')
    .replace(/(metrics: \{ receivers: \[)/, '$1span_metrics, ');
  const page = pageLine(1, '# TYPE hits counter\nhits 1\n');
  const [failure = ''] = failures(
    await replayed(t, {
      checks: '[{ kept: { signal: metrics, at_least: 1, at_most: 1 } }]',
      files: { 'config.yaml': text, 'pages.jsonl': page },
    }),
  );
  const [, delivered, taken] = /otlphttp: (\d+) of (\d+),/.exec(failure) ?? [];
  assert.ok(Number(delivered) > Number(taken), failure);
});

/** The application without what takes its requests. */
const WITHOUT_OTLP = CONFIG.replace(/ {2}otlp:.*\n/, '')
  .replace('receivers: [filelog, otlp]', 'receivers: [filelog]')
  .replace('receivers: [prometheus, otlp]', 'receivers: [prometheus]')
  .replace(/ {4}traces:.*\n/, '');
const LOGS_KEPT = '[{ kept: { signal: logs, at_least: 1 } }]';

test('requests that nobody receives are no success where nothing is expected, unless it is about other input', async (t) => {
  const files = { 'config.yaml': WITHOUT_OTLP };
  const lost = await replayed(t, { checks: LOGS_KEPT, files });
  assert.equal(lost.status, 'failed');
  assert.deepEqual(failures(lost), [
    '2 requests to otlp (http) have no receiver: what is in them is lost | where it is about other input, "requests: ignored" of the replay says so',
  ]);
  assert.match(junitXml([lost]), /<failure message="2 requests to otlp \(http\) have no receiver: /);
  const ignored = CHECKS_ALONE.replace('expect: nothing', 'expect: nothing, requests: ignored');
  const other = await replayed(t, {
    checks: '',
    files: { ...files, 'manifest.yaml': `${ignored}checks: ${LOGS_KEPT}\n` },
  });
  assert.deepEqual([other.status, other.notes], ['passed', []]);
});

test('where something is expected it says how many requests have no receiver, and a note tells it', async (t) => {
  const files = { 'config.yaml': WITHOUT_OTLP };
  const updated = await replayed(t, { checks: LOGS_KEPT, files, update: true });
  assert.equal(updated.status, 'updated');
  assert.deepEqual(updated.notes, ['2 requests to otlp (http) have no receiver']);
  const [job] = await jobsOf([updated.folder], undefined);
  assert.ok(job);
  assert.equal((await runJob(job, { update: false })).status, 'passed');
  await appendFile(join(updated.folder, 'requests.jsonl'), spansLine(3, [{ trace: 3, id: 4 }]));
  const { differences } = await runJob(job, { update: false });
  assert.deepEqual(differences[0]?.details, ['unreceived.otlp (http): 2 -> 3']);
});

test('requests that were refused, and pages that are not there, are told where nothing else says so', async (t) => {
  const metricsAlone = CONFIG.replace(/ {4}traces:.*\n/, '').replaceAll('app:9090', 'other:9090');
  const result = await replayed(t, { checks: LOGS_KEPT, files: { 'config.yaml': metricsAlone } });
  assert.equal(result.status, 'passed');
  assert.deepEqual(result.notes, [
    'requests were not taken: 2 unsupported',
    'http://other:9090/metrics is scraped, and the fixture has no page of it',
  ]);
});

test('with --update a check still fails, and with expect: nothing no expectation is written', async (t) => {
  const failed = await replayed(t, { checks: '[{ max_series: 0 }]', update: true });
  assert.equal(failed.status, 'failed');
  const nothing = MANIFEST.replace('config.yaml]', 'config.yaml], expect: nothing, checks: [{ ledger_closes: true }]');
  const passed = await replayed(t, { checks: '', files: { 'manifest.yaml': nothing }, update: true });
  assert.equal(passed.status, 'passed');
  await assert.rejects(access(join(passed.folder, 'expected')));
});

for (const [what, checks, says] of [
  ['an unknown check', '[{ all_fine: true }]', /manifest\.yaml:7:12 checks\[0\]\.all_fine: unknown key/],
  ['no check', '[{ exporter: otlp }]', /checks\[0\].*names no check/],
  [
    'a pattern that is none',
    "[{ no_attribute: { key: '(' } }]",
    /checks\[0\]\.no_attribute\.key: "\(" is not a usable pattern: /,
  ],
  ['no pattern', '[{ no_attribute: {} }]', /names neither key nor value/],
  [
    'bounds that contradict each other',
    '[{ kept: { signal: logs, at_least: 0.2, at_most: 0.1 } }]',
    /at_least is above at_most/,
  ],
  ['a duration that is none', '[{ delivered_within: soon }]', /"soon" is not a duration/],
] as const) {
  test(`a manifest with ${what} is invalid`, async (t) => {
    const { status, error } = await replayed(t, { checks });
    assert.equal(status, 'invalid');
    assert.match(error ?? '', says);
  });
}

function hex(n: number, width: number): string {
  return n.toString(16).padStart(width, '0');
}
