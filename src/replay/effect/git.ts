import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const LIMIT_BYTES = 16 * 2 ** 20;

export type Answer = { readonly isDone: true; readonly output: string } | Refused;

export interface Refused {
  readonly isDone: false;
  /** git itself. */
  readonly isMissing: boolean;
  /** What it says first, without its "fatal: "; empty when it says nothing. */
  readonly told: string;
  readonly cause: unknown;
}

/** Runs git in a folder that may not be there, with `env` beside the variables of this process. */
export async function git(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  try {
    // In English, since what it says is looked at.
    const options = { maxBuffer: LIMIT_BYTES, env: { ...process.env, ...env, LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)('git', ['-C', folder, ...args], options);
    return { isDone: true, output: stdout };
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const [first = ''] = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).split('\n') : [];
    return { isDone: false, isMissing, told: first.replace('fatal: ', ''), cause };
  }
}
