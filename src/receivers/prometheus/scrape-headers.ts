import { readFile } from 'node:fs/promises';
import { errorMessage } from '../../core/errors.ts';
import manifest from '../../../package.json' with { type: 'json' };
import type { Job } from './job.ts';
import { acceptHeader } from './negotiation.ts';
import { ScrapeError } from './scrape-error.ts';
import type { Target } from './target.ts';

export const VERSION = manifest.version;

/** The request headers of a scrape, with credentials read from their files anew. Throws ScrapeError. */
export async function scrapeHeaders(job: Job, target: Target): Promise<Record<string, string | string[]>> {
  const headers: Record<string, string | string[]> = {
    accept: acceptHeader(job.protocols),
    'user-agent': `Remora/${VERSION}`,
    'x-prometheus-scrape-timeout-seconds': String(target.timeoutMs / 1000),
    'accept-encoding': job.config.enable_compression ? 'gzip' : 'identity',
  };
  for (const [name, header] of Object.entries(job.config.http_headers)) {
    const values = [...header.values, ...header.secrets.map((value) => value.reveal())];
    for (const file of header.files) values.push(await credentialFile(file));
    const only = values.length === 1 ? values[0] : undefined;
    headers[name.toLowerCase()] = only ?? values;
  }
  const authorization = await authorizationOf(job);
  if (authorization !== undefined) headers['authorization'] = authorization;
  return headers;
}

async function authorizationOf({ config }: Job): Promise<string | undefined> {
  const { basic_auth, authorization } = config;
  if (basic_auth !== undefined) {
    const user = basic_auth.username ?? (await optionalFile(basic_auth.username_file));
    const password = basic_auth.password?.reveal() ?? (await optionalFile(basic_auth.password_file));
    return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }
  if (authorization !== undefined) {
    const given = authorization.credentials?.reveal() ?? (await optionalFile(authorization.credentials_file));
    return `${authorization.type} ${given}`;
  }
  if (config.bearer_token !== undefined) return `Bearer ${config.bearer_token.reveal()}`;
  if (config.bearer_token_file !== undefined) return `Bearer ${await credentialFile(config.bearer_token_file)}`;
  return undefined;
}

function optionalFile(file: string | undefined): Promise<string> {
  return file === undefined ? Promise.resolve('') : credentialFile(file);
}

async function credentialFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new ScrapeError('credentials', `The file ${file} cannot be read: ${errorMessage(error)}.`, { cause: error });
  }
}
