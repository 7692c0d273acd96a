import { readFile } from 'node:fs/promises';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type SecureVersion, type Server } from 'node:tls';
import * as z from 'zod';
import { repeat, type Clock, type Timer } from '../core/clock.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { duration, secret } from '../core/settings.ts';

const tlsVersion = () => z.enum(['1.2', '1.3']);

/** `tls` of a server, as the Collector's configtls. */
export const tlsServerSettings = () =>
  z
    .strictObject({
      cert_file: z.string().optional().describe('Certificate chain, PEM.'),
      cert_pem: z.string().optional().describe('The same, in place.'),
      key_file: z.string().optional().describe('Private key, PEM.'),
      key_pem: secret().optional().describe('The same, in place.'),
      client_ca_file: z.string().optional().describe('Requires clients to show a certificate signed by this CA.'),
      client_ca_file_reload: z.boolean().default(false).describe('Reads client_ca_file again with reload_interval.'),
      min_version: tlsVersion().default('1.2').describe('Lowest TLS version taken.'),
      max_version: tlsVersion().optional().describe('Highest TLS version taken; the newest when absent.'),
      cipher_suites: z.array(z.string()).default([]).describe('Cipher suites of TLS 1.2, by IANA or OpenSSL name.'),
      reload_interval: duration().optional().describe('Reads certificate and key again this often; never when absent.'),
    })
    .refine((tls) => (tls.cert_file === undefined) !== (tls.cert_pem === undefined), {
      error: 'set exactly one of cert_file and cert_pem',
      path: ['cert_file'],
    })
    .refine((tls) => (tls.key_file === undefined) !== (tls.key_pem === undefined), {
      error: 'set exactly one of key_file and key_pem',
      path: ['key_file'],
    });

export type TlsServerSettings = z.output<ReturnType<typeof tlsServerSettings>>;

export interface LoadedTls {
  readonly options: SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean };
  /** When the certificate ends, milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** Reads and checks everything, so that what it gives will work. Throws listen_failed. */
export async function loadServerTls(settings: TlsServerSettings): Promise<LoadedTls> {
  try {
    return await load(settings);
  } catch (error) {
    throw new RemoraError('listen_failed', `The TLS settings cannot be used: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
}

async function load(settings: TlsServerSettings): Promise<LoadedTls> {
  const cert = settings.cert_pem ?? (await pem(settings.cert_file));
  const key = settings.key_pem?.reveal() ?? (await pem(settings.key_file));
  const ca = settings.client_ca_file === undefined ? undefined : await pem(settings.client_ca_file);
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not belong to the certificate');
  const options = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: nodeVersion(settings.min_version),
    ...(settings.max_version === undefined ? {} : { maxVersion: nodeVersion(settings.max_version) }),
    ...(settings.cipher_suites.length === 0 ? {} : { ciphers: settings.cipher_suites.join(':') }),
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
  };
  createSecureContext(options);
  return { options, notAfterMs: leaf.validToDate.getTime() };
}

async function pem(file: string | undefined): Promise<string> {
  return file === undefined ? '' : await readFile(file, 'utf8');
}

function nodeVersion(version: '1.2' | '1.3'): SecureVersion {
  return version === '1.2' ? 'TLSv1.2' : 'TLSv1.3';
}

export interface TlsReload {
  readonly settings: TlsServerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  onLoaded(tls: LoadedTls): void;
}

/**
 * Gives new handshakes the certificate that is on disk now; a pair that does not load leaves the old one in use.
 * Undefined when the settings ask for no reloading.
 */
export function reloadServerTls(server: Server, reload: TlsReload): Timer | undefined {
  const everyMs = reload.settings.reload_interval;
  if (everyMs === undefined || everyMs <= 0) return undefined;
  const apply = async (): Promise<void> => {
    try {
      const tls = await loadServerTls(reload.settings);
      server.setSecureContext(tls.options);
      reload.onLoaded(tls);
    } catch (error) {
      reload.log.warn('The TLS certificate could not be read again; the old one stays in use.', {
        error: errorMessage(error),
      });
    }
  };
  return repeat(
    reload.clock,
    () => everyMs,
    () => void apply(),
  );
}
