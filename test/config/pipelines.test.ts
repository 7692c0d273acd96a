import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadGood, problemsOf } from './load.ts';

const HEAD = `receivers: {otlp: {protocols: {grpc: }}, filelog: {include: [a]}}
processors: {batch: , batch/two: }
exporters: {debug: }
service:
  pipelines:
`;

const problems = (pipelines: string) => problemsOf({ 'a.yaml': HEAD + pipelines });

test('pipelines of one signal are told apart by name and keep their order', async () => {
  const pipelines = `    logs/b: {receivers: [filelog, otlp], processors: [batch/two, batch], exporters: [debug]}
    logs/a: {receivers: [otlp], exporters: [debug]}
`;
  const plan = await loadGood({ 'a.yaml': HEAD + pipelines });
  assert.deepEqual(plan.pipelines, [
    {
      id: 'logs/b',
      signal: 'logs',
      receivers: ['filelog', 'otlp'],
      processors: ['batch/two', 'batch'],
      exporters: ['debug'],
    },
    { id: 'logs/a', signal: 'logs', receivers: ['otlp'], processors: [], exporters: ['debug'] },
  ]);
});

test('a component that does not carry the signal is named', async () => {
  assert.deepEqual(await problems('    traces: {receivers: [otlp, filelog], exporters: [debug]}\n'), [
    'a.yaml:6:32 service.pipelines.traces.receivers[1]: receiver "filelog" does not carry traces, only logs',
  ]);
});

test('missing sides, repeats and strangers are named', async () => {
  const pipelines = `    traces:
      exporters: [debug, debug]
    metrics: {receivers: [otpl], processors: [debug], exporters: []}
    logs:
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:5 service.pipelines.traces.receivers: a pipeline needs at least one receiver',
    'a.yaml:7:26 service.pipelines.traces.exporters[1]: "debug" is listed twice; remove one of them',
    'a.yaml:8:27 service.pipelines.metrics.receivers[0]: receiver "otpl" is not configured, did you mean "otlp"?',
    'a.yaml:8:47 service.pipelines.metrics.processors[0]: processor "debug" is not configured; "debug" is one of the exporters',
    'a.yaml:8:55 service.pipelines.metrics.exporters: a pipeline needs at least one exporter',
    'a.yaml:9:5 service.pipelines.logs: expected a map, found nothing',
  ]);
});

test('profiles and invented signals are named', async () => {
  const pipelines = `    profiles: {receivers: [otlp], exporters: [debug]}
    trace/x: {receivers: [otlp], exporters: [debug]}
    events: {receivers: [otlp], exporters: [debug]}
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:5 service.pipelines.profiles: profiles are not carried; remove the pipeline',
    'a.yaml:7:5 service.pipelines.trace/x: "trace/x" is not the id of a pipeline, did you mean "traces"?',
    'a.yaml:8:5 service.pipelines.events: "events" is not the id of a pipeline; it is traces, metrics or logs, optionally with /name',
  ]);
});

test('a mistake elsewhere in the pipelines does not hide the others', async () => {
  const pipelines = `    traces: {recievers: [otlp], exporters: [debgu]}
    logs: {receivers: [otlp], exporters: debug}
`;
  assert.deepEqual(await problems(pipelines), [
    'a.yaml:6:14 service.pipelines.traces.recievers: unknown key, did you mean "receivers"?',
    'a.yaml:6:45 service.pipelines.traces.exporters[0]: exporter "debgu" is not configured, did you mean "debug"?',
    'a.yaml:7:42 service.pipelines.logs.exporters: expected a list, found the text "debug"',
  ]);
});
