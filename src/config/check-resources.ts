import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Resource } from '../core/component.ts';
import { errorMessage } from '../core/errors.ts';
import { valuePlace } from './positions.ts';
import type { Draft } from './components.ts';
import { formatPath, type Path } from './problem.ts';
import { didYouMean } from './suggest.ts';

/** A thing of the outside world, with the full path of the setting that asks for it. */
export interface Claim<Kind extends string = Resource['kind']> {
  readonly kind: Kind;
  readonly value: string;
  /** Directories: whether the component makes it when it is missing. */
  readonly creates?: boolean;
  readonly path: Path;
}

/** Two components that would listen on one address. Port 0 never clashes. */
export function checkPorts({ root, problems }: Draft, claims: readonly Claim[]): void {
  const seen: { readonly address: Address; readonly claim: Claim }[] = [];
  for (const claim of claims) {
    const address = parseAddress(claim.value);
    if (address === undefined) continue;
    const other = seen.find((each) => overlap(each.address, address));
    seen.push({ address, claim });
    if (other === undefined) continue;
    const message = `"${claim.value}" is already taken by ${formatPath(other.claim.path)} ("${other.claim.value}")`;
    problems.error(valuePlace(root, claim.path), claim.path, message, 'give each its own port');
  }
}

interface Address {
  readonly host: string;
  readonly port: string;
}

const LOCAL = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);
const EVERYWHERE = new Set(['', '0.0.0.0', '::', '[::]', '*']);

function parseAddress(endpoint: string): Address | undefined {
  if (/^(unix:|\/)/.test(endpoint)) return { host: 'unix', port: endpoint.replace(/^unix:(\/\/)?/, '') };
  const [, host, port] = /^(.*):(\d+)$/.exec(endpoint) ?? [];
  if (host === undefined || port === undefined || Number(port) === 0) return undefined;
  return { host: LOCAL.has(host) ? 'localhost' : EVERYWHERE.has(host) ? '' : host.toLowerCase(), port };
}

function overlap(a: Address, b: Address): boolean {
  if (a.port !== b.port) return false;
  return a.host === b.host || (a.host === '' && b.host !== 'unix') || (b.host === '' && a.host !== 'unix');
}

/** Extensions that a component keeps data in, and that are not started or keep none. */
export function checkExtensions(
  { root, problems }: Draft,
  claims: readonly Claim[],
  known: { readonly defined: ReadonlySet<string>; readonly started: readonly string[]; stores(id: string): boolean },
): void {
  for (const { value: id, path } of claims) {
    if (known.started.includes(id)) {
      const message = `extension "${id}" is no storage`;
      if (!known.stores(id)) problems.error(valuePlace(root, path), path, message, 'name one, such as file_storage');
      continue;
    }
    const isDefined = known.defined.has(id);
    const message = isDefined ? `extension "${id}" is not started` : `extension "${id}" is not configured`;
    const meant = didYouMean(id, known.defined) ?? `add it under extensions and to service.extensions`;
    problems.error(valuePlace(root, path), path, message, isDefined ? 'add it to service.extensions' : meant);
  }
}

/** Exporters that an extension names and that no pipeline uses. */
export function checkExporters(
  { root, problems }: Draft,
  claims: readonly Claim[],
  known: { readonly defined: ReadonlySet<string>; readonly used: ReadonlySet<string> },
): void {
  for (const { value: id, path } of claims) {
    if (known.used.has(id)) continue;
    const isDefined = known.defined.has(id);
    const message = isDefined ? `no pipeline uses exporter "${id}"` : `exporter "${id}" is not configured`;
    const meant = isDefined ? undefined : didYouMean(id, known.used);
    problems.error(valuePlace(root, path), path, message, meant ?? `the exporters are ${[...known.used].join(', ')}`);
  }
}

/** Processors whose decisions about traces others follow, and that make none. */
export function checkTraceSamplers(
  { root, problems }: Draft,
  claims: readonly Claim[],
  known: { readonly defined: ReadonlySet<string>; readonly samplers: ReadonlySet<string> },
): void {
  for (const { value: id, path } of claims) {
    if (known.samplers.has(id)) continue;
    // It may be what a misspelt id in a pipeline means, which has been complained about.
    if (known.defined.has(id) && [...known.samplers].some((sampler) => !known.defined.has(sampler))) continue;
    const isDefined = known.defined.has(id);
    const message = isDefined ? `processor "${id}" samples no traces here` : `processor "${id}" is not configured`;
    const meant = isDefined ? undefined : didYouMean(id, known.samplers);
    problems.error(valuePlace(root, path), path, message, meant ?? samplersThere(known.samplers));
  }
}

function samplersThere(samplers: ReadonlySet<string>): string {
  if (samplers.size > 0) return `the samplers in pipelines of traces are ${[...samplers].join(', ')}`;
  return 'put a sampler, such as tail_sampling, into a pipeline of traces';
}

/** Directories that this user could not write to. Of one that is made when missing, the nearest ancestor counts. */
export async function checkDirectories({ root, problems }: Draft, claims: readonly Claim[]): Promise<void> {
  for (const { value, path, creates } of claims) {
    const problem = await directoryProblem(resolve(value), creates === true);
    if (problem === undefined) continue;
    const message = `directory "${value}" cannot be used: ${problem.reason}`;
    problems.error(valuePlace(root, path), path, message, problem.advice);
  }
}

async function directoryProblem(
  directory: string,
  creates: boolean,
): Promise<{ reason: string; advice: string } | undefined> {
  const advice = 'check its owner and mode';
  try {
    if (!(await stat(directory)).isDirectory()) return { reason: `${directory} is not a directory`, advice };
    await access(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing) return { reason: errorMessage(error), advice };
    if (!creates) return { reason: 'it does not exist', advice: 'make it, or set create_directory: true' };
    const parent = dirname(directory);
    return parent === directory ? { reason: errorMessage(error), advice } : directoryProblem(parent, true);
  }
}
