import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { jobsOf } from '../../src/replay/jobs.ts';
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
    `error_traces_kept: 1 spans of 1 traces with an error did not arrive | span ${hex(2, 16)} of trace ${hex(2, 32)} "GET /pay"`,
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
      /1 items have what may not leave \| attributes\["user\.email"\] of span 0{15}2 .*, delivered by otlphttp$/,
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
  assert.match((await of("{ value: 'SELECT' }"))[0] ?? '', /1 items .*\| name of span/);
  const secret = { 'files.jsonl': appendLine(1, 'card 4111111111111111\n') };
  assert.match((await of("{ value: '\\b\\d{16}\\b' }", secret))[0] ?? '', /\| body of log "/);
  assert.deepEqual(await of("{ key: '.', value: '\\b\\d{16}\\b' }", secret), []);
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
  assert.match(failure, / log "line 1": 1\d\.\d+ s, by otlphttp/);
  const inTime = await replayed(t, { checks: '[{ delivered_within: 2m }]', more });
  assert.equal(inTime.status, 'passed');
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
  const own = MANIFEST.replace(
    'config: [config.yaml]',
    'config: [config.yaml], checks: [{ exporter: otlphttp, max_series: 0 }, { exporter: other, max_series: 0 }]',
  );
  const result = await replayed(t, { checks: '', files: { 'manifest.yaml': own } });
  assert.deepEqual(
    result.checks.map(({ name, failure }) => `${name}: ${failure === undefined}`),
    ['max_series 0 of exporter otlphttp: false', 'max_series 0 of exporter other: true'],
  );
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
    /checks\[0\]\.no_attribute\.key.*is not a regular expression/,
  ],
  ['no pattern', '[{ no_attribute: {} }]', /names neither key nor value/],
  [
    'bounds that contradict each other',
    '[{ kept: { signal: logs, at_least: 2, at_most: 1 } }]',
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
