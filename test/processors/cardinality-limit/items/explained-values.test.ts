import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { cardinalityLimitProcessor } from '../../../../src/processors/cardinality-limit/index.ts';
import { adminPage } from '../explain/page-of.ts';
import { limitedItems, WINDOW_MS } from './limited-items.ts';

const paths = (count: number): string[] => Array.from({ length: count }, (_, at) => `/users/${1000 + at}`);

test('an attribute over its limit is on the page, with values and what would help', async () => {
  const rig = await limitedItems('traces', { spans: { attributes: [{ key: 'url.path', limit: 20 }] } });
  await rig.values('url.path', paths(100));
  const { body, html } = adminPage(rig.admin);
  const [report] = body.processors[0]?.metrics ?? [];
  assert.equal(report?.metric, 'span attribute url.path');
  assert.deepEqual([report.unit, report.state, report.series, report.limit], ['values', 'over', 20, 20]);
  assert.match(report.explanation, /^url\.path has (\d\d) different values; 20 of them may stay\.$/);
  assert.match(html, /span attribute url\.path/);
  assert.match(html, /Values kept/);
  assert.match(html, /<code><bdi>\/users\/1\d\d\d<\/bdi><\/code>/);
  const [bucket, deletion, raised] = report.fixes.map(({ yaml }): unknown => parse(yaml));
  const limiterWith = (rule: object): object => ({
    processors: { cardinality_limit: { spans: { attributes: [{ key: 'url.path', ...rule }] } } },
  });
  assert.deepEqual(bucket, limiterWith({ limit: 20, on_overflow: 'bucket' }));
  const actions = [{ key: 'url.path', action: 'delete' }];
  assert.deepEqual(deletion, { processors: { 'attributes/cardinality': { actions } } });
  assert.match(JSON.stringify(raised), /"limit":1[345]0/);
});

test('the change for names of spans is one that the limiter takes', async () => {
  const rig = await limitedItems('traces', { spans: { name: { limit: 10 } } });
  await rig.send({ items: paths(40).map((path) => ({ name: `GET ${path}`, attributes: [] })) });
  const [report] = adminPage(rig.admin).body.processors[0]?.metrics ?? [];
  assert.equal(report?.metric, 'span name');
  assert.equal(report.fixes.length, 2);
  for (const { yaml } of report.fixes) {
    const fragment = parse(yaml) as { processors: { cardinality_limit: object } };
    assert.ok(cardinalityLimitProcessor.parse(fragment.processors.cardinality_limit).ok, yaml);
  }
});

test('one line for each window says it, and the metrics do', async () => {
  const rig = await limitedItems('logs', { logs: { attributes: [{ key: 'user', limit: 10 }] } });
  await rig.values('user', paths(30));
  await rig.clock.advance(WINDOW_MS);
  const [line, ...others] = rig.lines;
  assert.deepEqual(others, []);
  assert.equal(line?.message, 'An attribute has more values than its limit.');
  assert.equal(line.fields['of'], 'log attribute user');
  assert.deepEqual([line.fields['values'], line.fields['limit']], [10, 10]);
});

test('with room for all values there is nothing to tell', async () => {
  const rig = await limitedItems('logs', { logs: { attributes: [{ key: 'user' }] } });
  await rig.values('user', paths(100));
  assert.deepEqual(adminPage(rig.admin).body.processors[0]?.metrics, []);
  await rig.clock.advance(WINDOW_MS);
  assert.deepEqual(rig.lines, []);
});
