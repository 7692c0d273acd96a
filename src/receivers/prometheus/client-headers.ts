import { readFile } from 'node:fs/promises';
import { errorMessage } from '../../core/errors.ts';
import type { HttpClientConfig } from './http-client-settings.ts';
import { ScrapeError } from './scrape-error.ts';

export type Headers = Record<string, string | string[]>;

/** The headers that a client's settings ask for, with credentials read from their files anew. Throws ScrapeError. */
export async function clientHeaders(config: HttpClientConfig): Promise<Headers> {
  const headers: Headers = {};
  for (const [name, header] of Object.entries(config.http_headers)) {
    const values = [...header.values, ...header.secrets.map((value) => value.reveal())];
    for (const file of header.files) values.push(await credentialFile(file));
    const only = values.length === 1 ? values[0] : undefined;
    headers[name.toLowerCase()] = only ?? values;
  }
  const authorization = await authorizationOf(config);
  if (authorization !== undefined) headers['authorization'] = authorization;
  return headers;
}

async function authorizationOf(config: HttpClientConfig): Promise<string | undefined> {
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
