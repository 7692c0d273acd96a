import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before the program: names below fault.test are asked of the name server in FAULT_NAME_SERVER, over its socket;
 * the resolver of the operating system has no setting for one process. All other names go where they always go.
 */
const resolver = new dns.promises.Resolver({ timeout: 500, tries: 1 });
resolver.setServers([process.env['FAULT_NAME_SERVER'] ?? '127.0.0.1:53']);

const [byCallback, byPromise] = [dns.lookup, dns.promises.lookup];

type Found = { address: string; family: number };

async function find(hostname: string): Promise<Found[]> {
  const addresses = await resolver.resolve4(hostname);
  return addresses.map((address) => ({ address, family: 4 }));
}

function isAll(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'all' in options && options.all === true;
}

type Done = (error: unknown, found?: string | Found[], family?: number) => void;

function lookup(hostname: string, options: unknown, callback?: Done): void {
  const done = typeof options === 'function' ? (options as Done) : callback;
  if (!hostname.endsWith('.fault.test')) {
    Reflect.apply(byCallback, dns, callback === undefined ? [hostname, options] : [hostname, options, callback]);
    return;
  }
  find(hostname).then(
    (found) => (isAll(options) ? done?.(null, found) : done?.(null, found[0]?.address, 4)),
    (error: unknown) => done?.(error),
  );
}

async function lookupPromise(hostname: string, options: unknown): Promise<unknown> {
  if (!hostname.endsWith('.fault.test')) return Reflect.apply(byPromise, dns.promises, [hostname, options]);
  const found = await find(hostname);
  return isAll(options) ? found : found[0];
}

Object.assign(dns, { lookup });
Object.assign(dns.promises, { lookup: lookupPromise });
syncBuiltinESMExports();
