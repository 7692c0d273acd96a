import { defineExtension } from '../../core/component.ts';
import { adminSettings, tcpAddress } from './config.ts';

/** Pages for operators over HTTP and JSON: see docs/bypass.md. Other parts add theirs by `Host.admin`. */
export const adminExtension = defineExtension({
  type: 'admin',
  summary: 'HTTP pages for operators: looks at the running process and switches bypass mode.',
  signals: [],
  config: adminSettings,
  resources: ({ endpoint }) => [{ kind: 'listen', endpoint, path: ['endpoint'] }],
  async create({ endpoint, token }, context) {
    const address = tcpAddress(endpoint);
    if (address === undefined) throw new Error(`BUG: the endpoint ${endpoint} was not checked.`);
    const { AdminServer } = await import('./server.ts');
    return new AdminServer(context, address, { host: hostOf(endpoint), token });
  },
});

/** As a request would name it. */
function hostOf(endpoint: string): string {
  return endpoint
    .slice(0, endpoint.lastIndexOf(':'))
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}
