import * as z from 'zod';
import { secret } from '../../core/settings.ts';
import { parseListenEndpoint, type ListenAddress } from '../../net/listen.ts';
import { isLoopback } from './guard.ts';

const fields = () =>
  z.strictObject({
    endpoint: z
      .string()
      .default('localhost:13134')
      .describe('Where to listen, host:port. Every container of the pod reaches a loopback address.'),
    token: secret().optional().describe('Callers must send it as "Authorization: Bearer <token>".'),
    allow_anyone: z
      .boolean()
      .default(false)
      .describe('Listens on an address that is not a loopback one although there is no token.'),
  });

/** Ours: the Collector has no such extension. */
export const adminSettings = () =>
  fields().superRefine(({ endpoint, token, allow_anyone }, issues) => {
    const issue = (path: string[], message: string): void => issues.addIssue({ code: 'custom', path, message });
    const address = tcpAddress(endpoint);
    if (address === undefined) issue(['endpoint'], 'must be host:port, such as localhost:13134');
    if (token?.reveal() === '') issue(['token'], 'must not be empty');
    if (address === undefined || isLoopback(address.host) || token !== undefined || allow_anyone) return;
    issue(
      ['endpoint'],
      `"${endpoint}" can be reached from other machines; set token, or listen on localhost:${address.port}`,
    );
  });

export type AdminSettings = z.output<ReturnType<typeof adminSettings>>;

export function tcpAddress(endpoint: string): Extract<ListenAddress, { kind: 'tcp' }> | undefined {
  const address = parseListenEndpoint(endpoint, 'tcp');
  return address?.kind === 'tcp' ? address : undefined;
}
