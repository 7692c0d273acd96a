import { z } from 'zod';
import type { Catalog } from '../../src/config/catalog.ts';
import {
  defineConnector,
  defineExporter,
  defineExtension,
  defineProcessor,
  defineReceiver,
  type Exporter,
} from '../../src/core/component.ts';
import { sendingShape } from '../../src/core/sending.ts';
import { byteSize, duration, secret } from '../../src/core/settings.ts';
import { SIGNALS } from '../../src/core/signal.ts';
import { ACCEPTED } from '../../src/core/verdict.ts';

/** Small components that show every shape of setting and start nothing. */

const idle = { consume: () => Promise.resolve(ACCEPTED) };
const idleExporter: Exporter = { send: () => Promise.resolve(ACCEPTED) };

const serverSettings = (endpoint: string) =>
  z.strictObject({
    endpoint: z.string().default(endpoint).describe('Where to listen.'),
    max_size: byteSize().prefault('4MiB').describe('Largest body.'),
  });

const otlp = defineReceiver({
  type: 'otlp',
  summary: 'Takes OTLP.',
  signals: SIGNALS,
  config: () =>
    z
      .strictObject({
        protocols: z
          .strictObject({
            grpc: serverSettings('localhost:4317').nullable().optional().describe('OTLP over gRPC.'),
            http: serverSettings('localhost:4318').nullable().optional().describe('OTLP over HTTP.'),
          })
          .prefault({})
          .describe('What to speak.'),
      })
      .refine(({ protocols }) => protocols.grpc !== undefined || protocols.http !== undefined, {
        path: ['protocols'],
        message: 'must specify at least one protocol.',
      }),
  resources: ({ protocols }) => {
    const { grpc, http } = protocols;
    return [
      ...(grpc === undefined
        ? []
        : [
            {
              kind: 'listen' as const,
              endpoint: grpc?.endpoint ?? 'localhost:4317',
              path: ['protocols', 'grpc', 'endpoint'],
            },
          ]),
      ...(http === undefined
        ? []
        : [
            {
              kind: 'listen' as const,
              endpoint: http?.endpoint ?? 'localhost:4318',
              path: ['protocols', 'http', 'endpoint'],
            },
          ]),
    ];
  },
  create: () => ({}),
});

const filelog = defineReceiver({
  type: 'filelog',
  aliases: ['file_log'],
  summary: 'Tails files.',
  signals: ['logs'],
  config: () =>
    z.strictObject({
      include: z.array(z.string()).min(1).describe('Globs.'),
      start_at: z.enum(['beginning', 'end']).default('end').describe('Where to start.'),
      poll_interval: duration().prefault('200ms').describe('How often to look.'),
      storage: z.string().optional().describe('Id of a storage extension.'),
    }),
  resources: ({ storage }) => (storage === undefined ? [] : [{ kind: 'extension', id: storage, path: ['storage'] }]),
  create: () => ({}),
});

const batch = defineProcessor({
  type: 'batch',
  summary: 'Gathers.',
  signals: SIGNALS,
  config: () =>
    z.strictObject({
      timeout: duration().prefault('200ms').describe('Longest wait.'),
      send_batch_size: z.number().int().positive().default(8192).describe('Items.'),
    }),
  create: () => idle,
});

const attributes = defineProcessor({
  type: 'attributes',
  summary: 'Changes attributes.',
  signals: SIGNALS,
  config: () =>
    z.strictObject({
      actions: z
        .array(
          z.discriminatedUnion('action', [
            z.strictObject({
              action: z.literal('insert').describe('Sets what is not there.'),
              key: z.string().describe('Attribute.'),
              value: z.union([z.string(), z.number(), z.boolean()]).describe('New value.'),
            }),
            z.strictObject({
              action: z.literal('delete').describe('Removes.'),
              key: z.string().describe('Attribute.'),
            }),
          ]),
        )
        .describe('In order.'),
    }),
  create: () => idle,
});

const otlpExporter = defineExporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  summary: 'Sends OTLP.',
  signals: SIGNALS,
  config: () =>
    z.strictObject({
      endpoint: z.string().describe('host:port of the upstream.'),
      headers: z.record(z.string(), secret()).default({}).describe('Sent with each request.'),
      ...sendingShape('5s'),
    }),
  sending: (config) => config,
  create: () => idleExporter,
});

const debug = defineExporter({
  type: 'debug',
  summary: 'Prints.',
  signals: SIGNALS,
  config: () =>
    z.strictObject({
      verbosity: z.enum(['basic', 'normal', 'detailed']).default('basic').describe('How much.'),
      ...sendingShape('5s'),
    }),
  sending: (config) => config,
  create: () => idleExporter,
});

const healthCheck = defineExtension({
  type: 'health_check',
  summary: 'Answers probes.',
  signals: SIGNALS,
  config: () => z.strictObject({ endpoint: z.string().default('localhost:13133').describe('Where to listen.') }),
  resources: ({ endpoint }) => [{ kind: 'listen', endpoint, path: ['endpoint'] }],
  create: () => ({}),
});

const fileStorage = defineExtension({
  type: 'file_storage',
  summary: 'Keeps state.',
  stores: true,
  signals: SIGNALS,
  config: () =>
    z.strictObject({
      directory: z.string().default('/var/lib/otelcol/file_storage').describe('Where.'),
      create_directory: z.boolean().default(false).describe('Make it.'),
    }),
  resources: ({ directory, create_directory: creates }) => [
    { kind: 'directory', directory, creates, path: ['directory'] },
  ],
  create: () => ({}),
});

const spanmetrics = defineConnector({
  type: 'span_metrics',
  aliases: ['spanmetrics'],
  summary: 'Counts spans.',
  makes: { traces: ['metrics'] },
  config: () => z.strictObject({ namespace: z.string().default('calls').describe('Begin of names.') }),
  memory: () => [{ share: 'caches', bytes: 2 ** 20, path: [] }],
  create: () => idle,
});

const relay = defineConnector({
  type: 'relay',
  summary: 'Passes on.',
  makes: { traces: ['traces'], logs: ['logs', 'metrics'] },
  config: () => z.strictObject({}),
  create: () => idle,
});

export const catalog: Catalog = {
  receivers: [otlp, filelog],
  processors: [batch, attributes],
  exporters: [otlpExporter, debug],
  connectors: [spanmetrics, relay],
  extensions: [healthCheck, fileStorage],
};
