import { spawn, type ChildProcess } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** The parts of the demo, each a process of its own. */

const ROOT = join(import.meta.dirname, '../..');

export type Env = Readonly<Record<string, string | number | undefined>>;

export interface RemoraProcess extends ChildProcess {
  readonly output: string[];
}

/** `pipeline` is a file of pipelines/ without its extension; `name` stands in front of what it logs. */
export function startRemora(name: string, pipeline: string, env: Env, parts: ChildProcess[]): RemoraProcess {
  const args = [join(ROOT, 'src/main.ts'), 'run', '--config', join(ROOT, `pipelines/${pipeline}.yaml`)];
  const set = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)]));
  // A process group of its own, so that Ctrl-C reaches only the demo, which then stops the parts in order.
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...set },
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  parts.push(child);
  const output: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.push(text);
    for (const line of text.trimEnd().split('\n')) process.stderr.write(`${name.padEnd(8)} | ${line}\n`);
  });
  return Object.assign(child, { output });
}

export function startShop(options: object, parts: ChildProcess[]): ChildProcess {
  const shop = spawn(process.execPath, [join(import.meta.dirname, 'shop.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  parts.push(shop);
  return shop;
}

/** Before it listens the shop would die of the signal instead of closing. */
export async function closeWhenAsked(shop: ChildProcess, port: number, asked: AbortSignal): Promise<void> {
  await listening(port, shop);
  const close = (): void => void shop.kill('SIGTERM');
  if (asked.aborted) close();
  asked.addEventListener('abort', close, { once: true });
}

/** The one JSON line that the shop prints at its end; SIGTERM tells it to close early. */
export async function whatItPrints(shop: ChildProcess): Promise<Readonly<Record<string, number>>> {
  let text = '';
  shop.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise<number | null>((resolve) => shop.once('close', resolve));
  if (code !== 0) throw new Error(`The shop ended with exit code ${code ?? 'none'}.`);
  const counts: unknown = JSON.parse(text);
  if (typeof counts !== 'object' || counts === null) throw new Error('The shop printed no counts.');
  return Object.fromEntries(Object.entries(counts).map(([key, value]) => [key, Number(value)]));
}

export async function stop(remora: RemoraProcess): Promise<void> {
  if (remora.exitCode !== null) throw new Error(`Remora ended by itself with exit code ${remora.exitCode}.`);
  const ended = new Promise<void>((resolve) => remora.once('close', () => resolve()));
  remora.kill('SIGTERM');
  await ended;
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          }),
        ),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function listening(port: number, part: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300 && part.exitCode === null; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
    });
    if (open) return;
    await pause(50);
  }
  throw new Error('A part of the demo did not become ready; its output is above.');
}
