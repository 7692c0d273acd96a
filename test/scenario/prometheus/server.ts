import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from '../../support/ports.ts';
import { temporaryDirectory } from '../../support/remora.ts';
import { until } from '../../support/until.ts';
import { PAGE_NUMBER } from './snapshot-proxy.ts';
import { note, numberOf, seriesKey, type History } from './series-history.ts';

/** Whether a program of Debian is there and runs. */
export function hasProgram(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/** Runs a program until the test ends; settles when it answers at its port. */
export async function startProgram(
  t: TestContext,
  program: string,
  args: readonly string[],
  url: string,
): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${log}`);
    return await fetch(url).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
  };
  await until(answers, `${program} answers`);
}

interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly values?: readonly (readonly [seconds: number, value: string])[];
}

/** A Prometheus server with a configuration, seen through its own API. */
export class PrometheusServer {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  static async start(t: TestContext, config: string): Promise<PrometheusServer> {
    const directory = await temporaryDirectory(t);
    const file = join(directory, 'prometheus.yml');
    await writeFile(file, config);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ];
    await startProgram(t, 'prometheus', args, `${url}/-/ready`);
    return new PrometheusServer(url);
  }

  /** Its scrapes of a target in order, with the number of the page where there was one. */
  async scrapes(scrape: string): Promise<{ timeMs: number; up: number; page: number | undefined }[]> {
    const samples = async (name: string): Promise<(readonly [timeMs: number, value: number])[]> => {
      const [found] = await this.#query(`${name}{scrape="${scrape}"}[1h]`);
      return (found?.values ?? []).map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)]);
    };
    // In this order: a scrape that ends in between has a page that is not asked for.
    const ups = await samples('up');
    const pages = new Map(await samples(PAGE_NUMBER));
    return ups.map(([timeMs, up]) => ({ timeMs, up, page: pages.get(timeMs) }));
  }

  /** Every sample of every series of a target, by number of its scrape. */
  async history(scrape: string, times: readonly number[]): Promise<History> {
    const numbers = new Map(times.map((ms, at) => [ms, at]));
    const history: History = new Map();
    for (const { metric, values = [] } of await this.#query(`{scrape="${scrape}"}[1h]`)) {
      for (const [seconds, value] of values) {
        const number = numbers.get(Math.round(seconds * 1000)) ?? -1;
        note(history, seriesKey(metric['__name__'] ?? '', metric), number, numberOf(value));
      }
    }
    return history;
  }

  /** The series of a target that are alive at a time: those that ended with a stale marker are not. */
  async alive(scrape: string, timeMs: number): Promise<Set<string>> {
    const found = await this.#query(`{scrape="${scrape}"}`, timeMs);
    return new Set(found.map(({ metric }) => seriesKey(metric['__name__'] ?? '', metric)));
  }

  /** Every series it has ever had of a target. */
  async series(scrape: string): Promise<Set<string>> {
    const parameters = new URLSearchParams({ 'match[]': `{scrape="${scrape}"}` });
    const found = (await this.#get(`series?${parameters.toString()}`)) as Record<string, string>[];
    return new Set(found.map((metric) => seriesKey(metric['__name__'] ?? '', metric)));
  }

  async #query(query: string, timeMs = Date.now()): Promise<readonly Vector[]> {
    const parameters = new URLSearchParams({ query, time: String(timeMs / 1000) });
    return ((await this.#get(`query?${parameters.toString()}`)) as { result: Vector[] }).result;
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`Prometheus: ${answer.error}`);
    return answer.data;
  }
}
