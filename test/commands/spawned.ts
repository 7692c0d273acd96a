import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** A Remora that runs as a process of its own, as a user starts it. */
export class Spawned {
  stdout = '';
  stderr = '';
  /** The exit code; -1 when a signal ended it. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;

  constructor(t: TestContext, args: readonly string[], options: { cwd: string; env?: Record<string, string> }) {
    const env = { ...process.env, ...options.env };
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      cwd: options.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? -1)));
    t.after(async () => {
      this.#child.kill('SIGKILL');
      await this.ended;
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: 'SIGTERM' | 'SIGINT'): void {
    this.#child.kill(signal);
  }
}
