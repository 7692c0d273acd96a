import { join } from 'node:path';
import { IMAGE_ENVIRONMENT, IMAGE_FLAGS } from './image.ts';
import { MeasuredProcess } from './measured-process.ts';

/** Remora as its image starts it, with a configuration as text. */
export function startRemora(main: string, yaml: string): MeasuredProcess {
  return new MeasuredProcess([...IMAGE_FLAGS, main, 'run', '--config', `yaml:${yaml}`], IMAGE_ENVIRONMENT);
}

export function startBare(...args: readonly string[]): MeasuredProcess {
  return new MeasuredProcess([join(import.meta.dirname, 'forwarder.ts'), ...args]);
}

export interface Sink {
  readonly process: MeasuredProcess;
  /** Address of its OTLP/HTTP server. */
  readonly url: string;
  /** Address of its OTLP/gRPC server. */
  readonly authority: string;
}

/** `perSecond`: requests that it takes over HTTP; without it, all. */
export async function startSink(perSecond?: number): Promise<Sink> {
  const limit = perSecond === undefined ? [] : [String(perSecond)];
  const process = new MeasuredProcess([join(import.meta.dirname, 'sink.ts'), ...limit]);
  const { http = 0, grpc = 0 } = await process.numbers();
  return { process, url: `http://127.0.0.1:${http}`, authority: `127.0.0.1:${grpc}` };
}

/** Tails `include` into the sink. `settings` of the receiver are YAML, indented by four. */
export function tailYaml(include: string, upstream: string, settings: string, queue = '{}'): string {
  return `
receivers:
  filelog:
    include: ['${include}']
    start_at: beginning
${settings}
exporters:
  otlphttp: { endpoint: '${upstream}', compression: none, sending_queue: ${queue} }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    logs: { receivers: [filelog], exporters: [otlphttp] }
`;
}
