import * as z from 'zod';
import { defineExtension, type HealthReport } from '../core/component.ts';
import { PageServer, type Page } from '../net/http/page-server.ts';

const config = () =>
  z.strictObject({
    endpoint: z.string().default('127.0.0.1:13133').describe('Where to listen, host:port.'),
    path: z.string().default('/').describe('The path that answers for the whole process.'),
    response_body: z
      .strictObject({
        healthy: z.string().optional().describe('The body when well; default is a JSON report.'),
        unhealthy: z.string().optional().describe('The body when not.'),
      })
      .optional()
      .describe('Fixed bodies instead of the JSON report.'),
  });

type Config = z.output<ReturnType<typeof config>>;

/**
 * Answers probes. `path` says whether this process can take data (readiness): 200 while running, 503 while starting or
 * stopping, also while it lingers and still takes data: whoever may choose should go elsewhere. `/live` says that the process answers
 * at all (liveness): 200 from the first moment to the last, so that nobody kills it while it drains. Neither
 * turns red because the upstream is away: that would restart the pod, or take the application out of its
 * Service, and lose what is queued. `/pipelines` says how each pipeline fares and why, with 500 when one is unwell;
 * `/pipelines/<id>` answers for one.
 */
export const healthCheckExtension = defineExtension({
  type: 'health_check',
  aliases: ['healthcheck'],
  summary: 'HTTP health of the process and of each pipeline.',
  signals: [],
  config,
  resources: ({ endpoint }) => [{ kind: 'listen', endpoint, path: ['endpoint'] }],
  create(settings, { host }) {
    const { hostname, port } = splitEndpoint(settings.endpoint);
    const server = new PageServer(hostname, port, (path) => pageOf(settings, path, host.health()));
    return { start: () => server.start(), stop: () => server.stop() };
  },
});

function pageOf(settings: Config, path: string, report: HealthReport): Page | undefined {
  if (path === settings.path) {
    const healthy = report.phase === 'running';
    const fixed = healthy ? settings.response_body?.healthy : settings.response_body?.unhealthy;
    if (fixed !== undefined) return { status: healthy ? 200 : 503, contentType: 'text/plain', body: fixed };
    return json(healthy ? 200 : 503, { status: phaseText(report), ...report });
  }
  if (path === '/live') return json(200, { status: 'alive', phase: report.phase });
  if (path === '/pipelines') return json(report.pipelines.every(({ healthy }) => healthy) ? 200 : 500, report);
  if (!path.startsWith('/pipelines/')) return undefined;
  const one = report.pipelines.find(({ id }) => path === `/pipelines/${id}`);
  return one === undefined ? undefined : json(one.healthy ? 200 : 500, one);
}

/** The words that the Collector's extension uses. */
function phaseText({ phase }: HealthReport): string {
  return phase === 'running' ? 'Server available' : 'Server not available';
}

function json(status: number, value: object): Page {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function splitEndpoint(endpoint: string): { hostname: string; port: number } {
  const at = endpoint.lastIndexOf(':');
  const hostname = endpoint.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { hostname: hostname === '' ? '0.0.0.0' : hostname, port: Number(endpoint.slice(at + 1)) };
}
