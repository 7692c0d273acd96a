import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestLogger } from '../../support/sender.ts';
import { until } from '../../support/until.ts';
import { startRig, tempDirectory } from './support.ts';

test('a line that an operator fails on is told with its file and its place there', async (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'app.log'), 'a=1\nnothing\n');
  const log = new TestLogger();
  const operators = [{ type: 'regex_parser', regex: '^a=(?P<a>.*)' }];
  const config = { include: [join(directory, '*.log')], start_at: 'beginning', operators };
  const rig = await startRig(t, config, { log });
  await until(() => rig.consumer.items === 2, 'both lines arrived');
  assert.deepEqual(log.lines, ['WARN An operator failed on a line.']);
  const reason = 'the regex does not match';
  assert.deepEqual(log.fields, [{ operator: 'regex_parser', reason, file: 'app.log', offset: 4 }]);
});

test('that no file matches is told once, at the start', async (t) => {
  const directory = tempDirectory(t);
  const log = new TestLogger();
  const config = { include: [join(directory, '*.log')], poll_interval: '5ms' };
  const rig = await startRig(t, config, { log });
  writeFileSync(join(directory, 'app.log'), 'one\n');
  await until(() => rig.consumer.items === 1, 'the line arrived');
  assert.deepEqual(log.lines, ['INFO No file matches yet; files are read when they appear.']);
  assert.deepEqual(log.fields, [{ include: config.include[0] }]);
});
