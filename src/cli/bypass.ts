import { isRecord } from '../config/records.ts';
import { request } from '../net/http/node-http.ts';
import { EXIT } from './options.ts';
import { print } from './output.ts';

export const BYPASS_ACTIONS = ['on', 'off', 'status'] as const;
export type BypassAction = (typeof BYPASS_ACTIONS)[number];

export interface BypassOptions {
  /** Of the admin extension: `http://127.0.0.1:13134`. */
  readonly endpoint: string;
  /** Such as `10m`; only for `on`. */
  readonly for: string | undefined;
  readonly token: string | undefined;
}

const METHOD = { on: 'POST', off: 'DELETE', status: 'GET' } as const;
const TIMEOUT_MS = 5000;

/** Asks the admin extension of a running process. */
export async function bypass(action: BypassAction, options: BypassOptions): Promise<number> {
  try {
    const { status, text } = await ask(action, options);
    if (status === 200) {
      await print(text);
      return EXIT.ok;
    }
    process.stderr.write(`error: ${complaint(text) ?? `the answer was ${status}`}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`error: ${options.endpoint}: ${reason}\nIs the admin extension in service.extensions?\n`);
  }
  return EXIT.failed;
}

function ask(action: BypassAction, options: BypassOptions): Promise<{ status: number; text: string }> {
  const url = new URL('/bypass', options.endpoint);
  const body = action === 'on' && options.for !== undefined ? JSON.stringify({ for: options.for }) : '';
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: METHOD[action], timeout: TIMEOUT_MS, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`No answer within ${TIMEOUT_MS} ms.`)));
    asked.on('error', reject);
    asked.end(body);
  });
}

/** What an answer of the admin extension says went wrong. */
function complaint(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (!isRecord(body) || typeof body['error'] !== 'string') return undefined;
    return typeof body['advice'] === 'string' ? `${body['error']} ${body['advice']}` : body['error'];
  } catch {
    return undefined;
  }
}
