import manifest from '../../package.json' with { type: 'json' };

/** `Remora-OTLP-Exporter-HTTP/0.1.0`: what upstreams see in their access logs (OTLP specification, User-Agent). */
export function userAgent(transport: 'HTTP' | 'gRPC'): string {
  return `Remora-OTLP-Exporter-${transport}/${manifest.version}`;
}
