import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

/** Remora as people run it: a process of its own, seen only through its exit code, its output and its ports. */

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A process that got no time on a busy machine would call itself overloaded, and refuse. */
const NEVER_LATE = 'service.overload.max_event_loop_lag=0s';

export type Env = Readonly<Record<string, string>>;

export interface RunOptions {
  /** `--config` values, or YAML text (anything with a line end). */
  readonly configs: readonly string[];
  readonly sets?: readonly string[];
  readonly env?: Env;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Remora {
  readonly pid: number;
  stderr(): string;
  stdout(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and what came of it. */
  stop(): Promise<Ended>;
  readonly ended: Promise<Ended>;
  rssBytes(): Promise<number>;
}

/** Starts `remora run` and waits until it is ready; killed when the test ends. */
export async function startRemora(t: TestContext, options: RunOptions): Promise<Remora> {
  return await startCommand(t, ['run', ...flags(options)], options.env);
}

/** The same for any command that runs a configuration. */
export async function startCommand(t: TestContext, args: readonly string[], env: Env = {}): Promise<Remora> {
  const remora = spawnRemora(t, args, env);
  const gone = remora.ended.then(({ stderr }) => Promise.reject(new Error(`Remora did not start:\n${stderr}`)));
  const ready = until(() => remora.stderr().includes('Everything is ready.'), 'Remora is ready');
  gone.catch(() => undefined);
  await Promise.race([ready, gone]);
  return remora;
}

/** Runs one command of the command line to its end. */
export function remoraCommand(t: TestContext, args: readonly string[], env: Env = {}): Promise<Ended> {
  return spawnRemora(t, args, env).ended;
}

function flags({ configs, sets = [] }: RunOptions): string[] {
  const sources = configs.map((config) => (config.includes('\n') ? `yaml:${config}` : config));
  const all = [NEVER_LATE, ...sets];
  return [...sources.flatMap((source) => ['--config', source]), ...all.flatMap((set) => ['--set', set])];
}

function spawnRemora(t: TestContext, args: readonly string[], env: Env = {}): Remora {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout: stdout(), stderr: stderr() }));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: pidOf(child),
    stdout,
    stderr,
    kill: (signal) => void child.kill(signal),
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    ended,
    rssBytes: () => rssOf(pidOf(child)),
  };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('The process did not start.');
  return pid;
}

function gather(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => (text += part));
  return () => text;
}

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** A directory that is removed when the test ends. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-scenario-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes YAML into a file of its own, for messages at file:line:column. */
export async function configFile(t: TestContext, yaml: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(path, yaml);
  return path;
}

export interface LedgerLine {
  readonly stage: string;
  readonly node: string;
  readonly signal: string;
  readonly received: number;
  readonly passed: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly rejected: Readonly<Record<string, number>>;
  readonly held: number;
  readonly open: number;
}

/** The ledger that Remora prints when it stops. */
export function ledgerOf({ stderr }: Ended): { readonly closed: boolean; readonly lines: readonly LedgerLine[] } {
  const lines: LedgerLine[] = [];
  for (const text of stderr.split('\n')) {
    const cells = text.split(/ {2,}/);
    const [stage = '', node = '', signal = '', received, passed, dropped = '', rejected = '', held, open] = cells;
    if (!/^(receiver|processor|connector|exporter)$/.test(stage) || open === undefined) continue;
    const counts = {
      received: Number.parseInt(received ?? '', 10),
      passed: Number(passed),
      held: Number(held),
      open: Number(open),
    };
    lines.push({ stage, node, signal, ...counts, dropped: reasons(dropped), rejected: reasons(rejected) });
  }
  return { closed: stderr.includes('ledger: closed'), lines };
}

function reasons(text: string): Record<string, number> {
  if (text === '0') return {};
  return Object.fromEntries(
    text.split(', ').map((part) => {
      const [count = '', reason = ''] = part.split(' ');
      return [reason, Number(count)];
    }),
  );
}

/** Sums over series of one page of self metrics: `page.value('name', 'label="x"')`. */
export async function metricsPage(port: number): Promise<{ value(name: string, label?: string): number | undefined }> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const lines = (await response.text()).split('\n');
  return {
    value(name, label = '') {
      const found = lines.filter(
        (line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label),
      );
      return found.length === 0 ? undefined : found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}

/** The settings that put self metrics on a port. */
export function metricsOn(port: number): string {
  return `service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${port}}}}}]`;
}
