import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { endpointText, listen, parseListenEndpoint } from '../../src/net/listen.ts';

test('endpoints are read as the Collector writes them', () => {
  const cases: [string, 'tcp' | 'tcp4' | 'tcp6' | 'unix', string | undefined][] = [
    ['localhost:4317', 'tcp', '127.0.0.1:4317'],
    ['localhost:4317', 'tcp6', '[::1]:4317'],
    ['0.0.0.0:0', 'tcp', '0.0.0.0:0'],
    [':4317', 'tcp', '[::]:4317'],
    ['[::1]:4317', 'tcp', '[::1]:4317'],
    ['collector.local:65535', 'tcp', 'collector.local:65535'],
    ['/run/a.sock', 'unix', 'unix:///run/a.sock'],
    ['unix:///run/a.sock', 'tcp', 'unix:///run/a.sock'],
    ['localhost:65536', 'tcp', undefined],
    ['localhost', 'tcp', undefined],
    ['http://localhost:1', 'tcp', undefined],
    ['::1:4317', 'tcp', undefined],
    ['', 'unix', undefined],
    ['unix://', 'tcp', undefined],
  ];
  for (const [endpoint, transport, expected] of cases) {
    const address = parseListenEndpoint(endpoint, transport);
    assert.equal(address && endpointText(address), expected, endpoint);
  }
});

test('a socket file left by a killed process is replaced; a live one and a plain file are not', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'remora-listen-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'a.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await assert.rejects(listen(createServer(), { kind: 'unix', path }), /another process listens there/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok((await stat(path)).isSocket());
  const server = createServer();
  await listen(server, { kind: 'unix', path }, { socketMode: 0o600 });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(stat(path), /ENOENT/);
  const plain = join(directory, 'plain');
  await writeFile(plain, 'precious');
  await assert.rejects(listen(createServer(), { kind: 'unix', path: plain }), /no socket/);
  assert.ok((await stat(plain)).isFile());
});
