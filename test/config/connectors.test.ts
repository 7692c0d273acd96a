import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printComponents, printConfig } from '../../src/config/print.ts';
import { catalog } from './catalog.ts';
import { loadGood, problemsOf, warningsOf } from './load.ts';

const HEAD = `receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
connectors: {spanmetrics: , relay: , relay/two: }
service:
  pipelines:
`;

const problems = (pipelines: string): Promise<string[]> => problemsOf({ 'a.yaml': `${HEAD}${pipelines}` });

const GOOD = `    traces: {receivers: [otlp], exporters: [debug, spanmetrics]}
    metrics: {receivers: [spanmetrics, otlp], exporters: [debug]}
`;

test('a connector stands among the exporters of one pipeline and the receivers of another', async () => {
  const plan = await loadGood({ 'a.yaml': `${HEAD}${GOOD}` });
  assert.deepEqual([...plan.connectors.keys()], ['spanmetrics']);
  assert.deepEqual([...plan.receivers.keys()], ['otlp']);
  assert.deepEqual([...plan.exporters.keys()], ['debug']);
  assert.deepEqual(plan.pipelines[0]?.exporters, ['debug', 'spanmetrics']);
  assert.match(printConfig(plan, { format: 'yaml' }), /connectors:\n {2}spanmetrics:\n {4}namespace: calls\n/);
});

test('a connector that no pipeline uses is not started', async () => {
  assert.deepEqual(await warningsOf({ 'a.yaml': `${HEAD}${GOOD}` }), [
    'a.yaml:3:29 connectors.relay: this connector is not started: no pipeline uses it',
    'a.yaml:3:38 connectors.relay/two: this connector is not started: no pipeline uses it',
  ]);
});

test('a connector on one side only is an error that says which side is missing', async () => {
  const advice = 'a connector is an exporter of one pipeline and a receiver of another';
  assert.deepEqual(await problems('    traces: {receivers: [otlp], exporters: [spanmetrics]}\n'), [
    `a.yaml:3:14 connectors.spanmetrics: no pipeline has this connector among its receivers; ${advice}`,
  ]);
  assert.deepEqual(await problems('    metrics: {receivers: [spanmetrics], exporters: [debug]}\n'), [
    `a.yaml:3:14 connectors.spanmetrics: no pipeline has this connector among its exporters; ${advice}`,
  ]);
});

test('a connector that is misspelt in a pipeline is told once, with its name', async () => {
  const pipelines = `    traces: {receivers: [otlp], exporters: [spanmetrics]}
    metrics: {receivers: [span_metric], exporters: [debug]}
    metrics/two: {receivers: [other], exporters: [debug]}
`;
  const none = 'the receivers are otlp and the connectors are spanmetrics, relay, relay/two';
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:7:27 service.pipelines.metrics.receivers[0]: receiver "span_metric" is not configured, did you mean "spanmetrics"?',
    `a.yaml:8:31 service.pipelines.metrics/two.receivers[0]: receiver "other" is not configured; ${none}`,
  ]);
});

test('a connector on one side only is told also when its settings are wrong', async () => {
  const text = `${HEAD}    traces: {receivers: [otlp], exporters: [spanmetrics]}\n`.replace(
    '{spanmetrics: ,',
    '{spanmetrics: {no: 1},',
  );
  const told = await problemsOf({ 'a.yaml': text });
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told[0] ?? '', /no pipeline has this connector among its receivers/);
  assert.match(told[1] ?? '', /connectors\.spanmetrics\.no: unknown key/);
});

test('a connector in a pipeline of a signal that it neither takes nor makes is an error', async () => {
  const pipelines = `    traces: {receivers: [otlp, spanmetrics], exporters: [debug]}
    logs: {receivers: [otlp], exporters: [spanmetrics]}
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:32 service.pipelines.traces.receivers[1]: connector "spanmetrics" does not make traces, only metrics',
    'a.yaml:7:43 service.pipelines.logs.exporters[0]: connector "spanmetrics" does not take logs, only traces',
  ]);
});

test('signals that do not go together through a connector are an error', async () => {
  const pipelines = `    traces: {receivers: [otlp], exporters: [relay]}
    metrics: {receivers: [relay], exporters: [debug]}
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:3:29 connectors.relay: no pipeline takes the traces that it makes of traces; add it to the receivers of one',
    'a.yaml:3:29 connectors.relay: no pipeline gives it what it makes metrics of; add it to the exporters of one',
  ]);
});

test('a circle of pipelines is named with every pipeline and connector in it', async () => {
  const pipelines = `    traces/a: {receivers: [otlp, relay/two], exporters: [debug, relay]}
    traces/b: {receivers: [relay], exporters: [relay/two]}
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:65 service.pipelines.traces/a.exporters[1]: data would go round in a circle: traces/a -> relay -> traces/b -> relay/two -> traces/a; take "relay" out of one of these pipelines',
  ]);
  const itself = '    traces: {receivers: [otlp, relay], exporters: [relay]}\n';
  assert.deepEqual(await problems(itself), [
    'a.yaml:6:52 service.pipelines.traces.exporters[0]: data would go round in a circle: traces -> relay -> traces; take "relay" out of one of these pipelines',
  ]);
});

test('an id of both a connector and an exporter is an error, because it says two things', async () => {
  const text = `${HEAD.replace('debug: ', 'debug: , spanmetrics: ')}${GOOD}`;
  assert.ok(
    (await problemsOf({ 'a.yaml': text })).some((line) =>
      line.includes('"spanmetrics" is one of the exporters and of the connectors; give one of them another name'),
    ),
  );
});

test('a connector among processors is told from one that is not configured', async () => {
  const pipelines = '    traces: {receivers: [otlp], processors: [relay], exporters: [debug]}\n';
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:46 service.pipelines.traces.processors[0]: processor "relay" is not configured; "relay" is one of the connectors',
  ]);
});

test('what a connector claims of the memory is part of the budget', async () => {
  const plan = await loadGood({ 'a.yaml': `${HEAD}${GOOD}` });
  assert.equal(plan.memory.shares.caches, 2 ** 20);
});

test('the list of components shows what a connector makes of what', () => {
  const text = printComponents(catalog);
  assert.match(text, /^ {2}span_metrics \(spanmetrics\) {2}traces to metrics {27}Counts spans\.$/m);
  assert.match(text, /^ {2}relay {23}traces to traces, logs to logs and metrics {2}Passes on\.$/m);
});
