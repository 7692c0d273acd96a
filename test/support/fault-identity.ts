import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServerIdentity } from './faulty-upstream.ts';

export function pemPath(name: string): string {
  return fileURLToPath(new URL(`tls/${name}.pem`, import.meta.url));
}

/** One of the certificates that go with `fault-key.pem`. */
export function faultIdentity(name: 'expired' | 'stranger' | 'elsewhere' | 'renewed'): ServerIdentity {
  return { cert: readFileSync(pemPath(name), 'utf8'), key: readFileSync(pemPath('fault-key'), 'utf8') };
}
