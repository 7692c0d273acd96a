import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';

/** Clock ticks a second in /proc/<pid>/stat: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A child process of the bench that talks in JSON lines, with its CPU and memory as the operating system counts them. */
export class MeasuredProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #unread: string[] = [];

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(process.execPath, [...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('The child has no standard output.');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#unread.push(line);
      else waiting(line);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next line it prints, as the numbers of a JSON object. */
  async numbers(): Promise<Readonly<Record<string, number>>> {
    const line = this.#unread.shift() ?? (await new Promise<string>((resolve) => this.#waiting.push(resolve)));
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) throw new Error(`Not an object: ${line}`);
    return Object.fromEntries(Object.entries(value).map(([key, number]) => [key, Number(number)]));
  }

  ask(line: string): Promise<Readonly<Record<string, number>>> {
    this.#child.stdin?.write(`${line}\n`);
    return this.numbers();
  }

  /** CPU seconds used so far, user and system. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async peakRssBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async rssBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
