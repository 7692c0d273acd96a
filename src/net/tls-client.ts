import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureVersion } from 'node:tls';
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Secret } from '../core/secret.ts';
import { duration, secret } from '../core/settings.ts';

/** The Collector's client TLS keys (config/configtls), read into what node:tls takes. */

const version = () => z.enum(['1.0', '1.1', '1.2', '1.3']);

export const tlsClientSettings = () =>
  z
    .strictObject({
      insecure: z.boolean().default(false).describe('No TLS: gRPC goes in plain text; for HTTP the scheme decides.'),
      insecure_skip_verify: z.boolean().default(false).describe('Uses TLS but trusts any certificate.'),
      ca_file: z.string().optional().describe('Certificate authorities that may sign the upstream, PEM file.'),
      ca_pem: secret().optional().describe('The same as text.'),
      include_system_ca_certs_pool: z
        .boolean()
        .default(false)
        .describe('Trusts the authorities of the operating system beside ca_file or ca_pem.'),
      cert_file: z.string().optional().describe('Certificate that this client shows, PEM file.'),
      cert_pem: secret().optional().describe('The same as text.'),
      key_file: z.string().optional().describe('Private key of that certificate, PEM file.'),
      key_pem: secret().optional().describe('The same as text.'),
      min_version: version().default('1.2').describe('Oldest TLS version spoken.'),
      max_version: version()
        .or(z.literal(''))
        .default('')
        .describe('Newest TLS version spoken; empty is the newest there is.'),
      cipher_suites: z
        .array(z.string())
        .default([])
        .describe('Cipher suites by their IANA names; empty is the default.'),
      curve_preferences: z
        .array(z.enum(['X25519', 'P256', 'P384', 'P521', 'X25519MLKEM768']))
        .default([])
        .describe('Key exchange groups in order of preference; empty is the default.'),
      server_name_override: z.string().default('').describe('Name expected in the certificate instead of the host.'),
      reload_interval: duration()
        .optional()
        .describe('Reads the files again for new connections after this time; absent never does.'),
    })
    .refine(hasKeyWithCertificate, {
      message: 'a client certificate needs its key, and a key its certificate (cert_file with key_file)',
    })
    .refine((tls) => tls.ca_file === undefined || tls.ca_pem === undefined, {
      message: 'give ca_file or ca_pem, not both',
      path: ['ca_pem'],
    });

export type TlsClientSettings = z.output<ReturnType<typeof tlsClientSettings>>;

interface CertificateSettings {
  readonly cert_file?: string | undefined;
  readonly cert_pem?: Secret | undefined;
  readonly key_file?: string | undefined;
  readonly key_pem?: Secret | undefined;
}

function hasKeyWithCertificate(tls: CertificateSettings): boolean {
  const certificate = tls.cert_file !== undefined || tls.cert_pem !== undefined;
  return certificate === (tls.key_file !== undefined || tls.key_pem !== undefined);
}

const VERSION: Readonly<Record<string, SecureVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

/** What node:tls takes; only keys that are set are present. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
  readonly servername?: string;
}

/**
 * Holds the options of new connections and renews them from disk.
 * Invariant: once loaded there are always usable options; a renewal that fails keeps the last good ones.
 */
export class TlsClient {
  readonly #settings: TlsClientSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  #options: TlsOptions | undefined;
  #loadedAtMs = 0;

  constructor(settings: TlsClientSettings, clock: Clock, log: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Options for a new connection; the same object for as long as the files hold the same. Reads the files on the first
   * call (throws config_unreadable) and whenever reload_interval has passed.
   */
  current(): TlsOptions {
    const everyMs = this.#settings.reload_interval;
    const nowMs = this.#clock.monotonic();
    if (this.#options === undefined) {
      this.#options = readOptions(this.#settings);
      this.#loadedAtMs = nowMs;
    } else if (everyMs !== undefined && everyMs > 0 && nowMs - this.#loadedAtMs >= everyMs) {
      this.#loadedAtMs = nowMs;
      this.#options = this.#renewed(this.#options);
    }
    return this.#options;
  }

  #renewed(last: TlsOptions): TlsOptions {
    try {
      const next = readOptions(this.#settings);
      return sameCertificates(last, next) ? last : next;
    } catch (error) {
      this.#log.warn('TLS files could not be read again; the last good ones stay in use.', {
        error: errorMessage(error),
      });
      return last;
    }
  }
}

function sameCertificates(a: TlsOptions, b: TlsOptions): boolean {
  return String(a.ca) === String(b.ca) && a.cert === b.cert && a.key === b.key;
}

/** Reads the files and makes sure that they can be used, so that a half written file never replaces a good one. */
function readOptions(tls: TlsClientSettings): TlsOptions {
  const options = optionsOf(tls);
  try {
    createSecureContext(options);
  } catch (error) {
    const text = `The TLS settings cannot be used: ${errorMessage(error)}.`;
    throw new RemoraError('config_invalid', text, { cause: error });
  }
  return options;
}

function optionsOf(tls: TlsClientSettings): TlsOptions {
  const ca = pem(tls.ca_file, tls.ca_pem);
  const cert = pem(tls.cert_file, tls.cert_pem);
  const key = pem(tls.key_file, tls.key_pem);
  const maxVersion = VERSION[tls.max_version];
  const minVersion = VERSION[tls.min_version];
  return {
    rejectUnauthorized: !tls.insecure_skip_verify,
    ...(ca === undefined ? {} : { ca: tls.include_system_ca_certs_pool ? [ca, ...getCACertificates('system')] : [ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(tls.cipher_suites.length === 0 ? {} : { ciphers: tls.cipher_suites.join(':') }),
    ...(tls.curve_preferences.length === 0 ? {} : { ecdhCurve: tls.curve_preferences.map(opensslGroup).join(':') }),
    ...(tls.server_name_override === '' ? {} : { servername: tls.server_name_override }),
  };
}

function opensslGroup(name: string): string {
  return name.startsWith('P') ? `P-${name.slice(1)}` : name;
}

function pem(file: string | undefined, text: Secret | undefined): string | undefined {
  if (text !== undefined) return text.reveal();
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RemoraError('config_unreadable', `The TLS file ${file} cannot be read: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
}
