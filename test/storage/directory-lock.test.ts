import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { lockDirectory } from '../../src/storage/directory-lock.ts';
import { remoraCommand, startRemora } from '../support/remora.ts';
import { freePort } from '../support/ports.ts';

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function configFor(directory: string, port: number): string {
  return `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { sending_queue: { storage: file_storage } } }
extensions: { file_storage: { directory: ${directory}, timeout: 100ms } }
service:
  telemetry: { metrics: { level: none } }
  extensions: [file_storage]
  pipelines: { logs: { receivers: [otlp], exporters: [debug] } }
`;
}

test('a second process is refused the storage directory, and has it as soon as the first was killed', async (t) => {
  const directory = temporary(t);
  const first = await startRemora(t, { configs: [configFor(directory, await freePort())] });
  const second = await remoraCommand(t, ['run', '--config', `yaml:${configFor(directory, await freePort())}`]);
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, new RegExp(`The storage directory ${directory} is in use by another process`));
  first.kill('SIGKILL');
  const { stderr } = await first.ended;
  const third = await startRemora(t, { configs: [configFor(directory, await freePort())] });
  assert.equal((await third.stop()).code, 0);
  assert.doesNotMatch(stderr + third.stderr(), /ExperimentalWarning/);
});

test('whoever waits long enough has the directory when it is let go of', async (t) => {
  const directory = temporary(t);
  const first = await lockDirectory({ directory, clock: systemClock, timeoutMs: 0 });
  await assert.rejects(lockDirectory({ directory, clock: systemClock, timeoutMs: 60 }), { code: 'storage_failed' });
  const waiting = lockDirectory({ directory, clock: systemClock, timeoutMs: 120_000 });
  first.release();
  first.release();
  (await waiting).release();
});

test('a lock file that somebody planted is not opened', async (t) => {
  for (const plant of [symlinkSync, linkSync]) {
    const directory = temporary(t);
    const outside = join(temporary(t), 'outside');
    writeFileSync(outside, '');
    plant(outside, join(directory, 'lock.db'));
    await assert.rejects(lockDirectory({ directory, clock: systemClock, timeoutMs: 0 }), {
      code: 'storage_failed',
      message: /lock\.db is not a file of our own/,
    });
  }
});
