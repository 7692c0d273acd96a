import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext as Test } from 'node:test';
import { post } from '../receivers/otlp/running.ts';
import { lineUpstream, miscounted, numberedRequest } from '../support/line-upstream.ts';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, startRemora } from '../support/remora.ts';
import { until } from '../support/until.ts';

const DISK_BYTES = 4 * 1024 * 1024;
const PER_REQUEST = 500;

/** A file system of a few megabytes; undefined where this user may not mount one. */
async function smallDisk(t: Test): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-small-disk-'));
  let mounted = false;
  t.after(async () => {
    if (mounted) execFileSync('umount', ['--lazy', directory], { stdio: 'ignore' });
    await rm(directory, { recursive: true });
  });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=0700`, 'tmpfs', directory], {
      stdio: 'ignore',
    });
    mounted = true;
  } catch {
    return undefined;
  }
  return directory;
}

/** Writes until no block is left, whatever others write or remove meanwhile. */
function fill(path: string): void {
  const block = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(path, block);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC', String(error));
  }
}

/** Sends numbered lines; what was not taken is offered again. Returns the Retry-After of a refusal. */
class Client {
  accepted = 0;
  readonly #http: string;

  constructor(http: string) {
    this.#http = http;
  }

  async send(): Promise<string | undefined> {
    const reply = await post({ http: this.#http }, numberedRequest(this.accepted, PER_REQUEST), { path: '/v1/logs' });
    if (reply.status === 200) {
      this.accepted += PER_REQUEST;
      return undefined;
    }
    assert.equal(reply.status, 503);
    return String(reply.headers['retry-after']);
  }

  /** Until this many requests in a row were taken. */
  async serve(requests: number): Promise<void> {
    for (let i = 0; i < requests; i++) {
      await until(async () => (await this.send()) === undefined, 'a request is taken');
    }
  }
}

test('a disk that fills up under load costs nothing that was acknowledged, and all goes on when it has room', async (t) => {
  const disk = await smallDisk(t);
  if (disk === undefined) {
    t.skip('this user may not mount a file system');
    return;
  }
  let down = true;
  await using upstream = await lineUpstream((_request, response) => {
    if (down) response.writeHead(503).end();
    return down;
  });
  const [httpPort, metricsPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const remora = await startRemora(t, {
    configs: [
      `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} } } } }
exporters:
  otlphttp:
    endpoint: ${upstream.url}
    # Segments larger than the disk, and memory smaller: all of it is read back from the one that must go.
    sending_queue: { storage: file_storage, memory_bytes: 256KiB }
    retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }
extensions: { file_storage: { directory: ${disk} }, health_check: { endpoint: 127.0.0.1:${healthPort} } }
service: { extensions: [file_storage, health_check], pipelines: { logs: { receivers: [otlp], exporters: [otlphttp] } } }
`,
    ],
    sets: [metricsOn(metricsPort)],
  });
  const client = new Client(`127.0.0.1:${httpPort}`);
  const failed = async (): Promise<number> =>
    (await metricsPage(metricsPort)).value('remora_exporter_queue_storage_failed') ?? -1;

  // Nothing can be delivered: the disk fills until its last block.
  let retryAfter: string | undefined;
  await until(async () => (retryAfter = await client.send()) !== undefined, 'the disk is full');
  assert.match(retryAfter ?? '', /^[1-9]\d*$/);
  assert.equal(await failed(), 1);
  const health = await fetch(`http://127.0.0.1:${healthPort}/pipelines`);
  assert.equal(health.status, 500);
  assert.match(await health.text(), /The queue on disk cannot be written: ENOSPC/);
  assert.ok(client.accepted * 60 > DISK_BYTES / 2, `only ${client.accepted} lines were taken`);
  for (let i = 0; i < 200; i++) await client.send();

  // It drains while it cannot be written, which makes room, and the queue takes data again.
  down = false;
  await client.serve(100);
  assert.equal(await failed(), 0);

  // Somebody else fills it.
  const ballast = join(disk, 'ballast');
  fill(ballast);
  await until(async () => (await client.send()) !== undefined, 'the disk is full again');
  rmSync(ballast);
  await client.serve(50);

  const ended = await remora.stop();
  assert.equal(ended.code, 0);
  assert.ok(ledgerOf(ended).closed, ended.stderr);
  assert.equal(miscounted(upstream.counts, client.accepted), '');
});
