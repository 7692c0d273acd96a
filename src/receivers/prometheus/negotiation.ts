import type { EscapingScheme, ScrapeProtocol } from './config-values.ts';
import type { Format } from './page-scanner.ts';
import { ScrapeError } from './scrape-error.ts';

/** What a page is read as. */
export type PageFormat = Format | 'protobuf';

const PROTOBUF = 'application/vnd.google.protobuf';

const MEDIA_TYPES: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto: `${PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited`,
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
};
/** Prometheus 3 starts its weights at the number of all its protocols plus one, whichever are asked for. */
const HIGHEST_WEIGHT = 6;
/** The formats that can hold names of any characters. */
const WITH_ESCAPING: ReadonlySet<ScrapeProtocol> = new Set(['OpenMetricsText1.0.0', 'PrometheusText1.0.0']);

/** The Accept header as Prometheus 3 sends it. */
export function acceptHeader(protocols: readonly ScrapeProtocol[], escaping: EscapingScheme): string {
  const asked = protocols.map((protocol, at) => {
    const names = WITH_ESCAPING.has(protocol) ? `;escaping=${escaping}` : '';
    return `${MEDIA_TYPES[protocol]}${names};q=0.${HIGHEST_WEIGHT - at}`;
  });
  return [...asked, `*/*;q=0.${HIGHEST_WEIGHT - protocols.length}`].join(',');
}

/**
 * The format of a page by its Content-Type; `fallback` where that says nothing usable. Formats that exist but are not
 * read are refused rather than misread: OpenMetrics 2.0 means other numbers by the same lines.
 */
export function pageFormat(contentType: string, fallback: ScrapeProtocol): PageFormat {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const version = parameters.map((parameter) => /^\s*version\s*=\s*"?([^"\s]*)/.exec(parameter)?.[1]).find(Boolean);
  switch (type.trim()) {
    case 'text/plain':
      return 'text';
    case 'application/openmetrics-text':
      if (version === undefined || /^[01]\./.test(version)) return 'openmetrics';
      throw new ScrapeError(
        'content_type',
        `The target answered with OpenMetrics ${version}, although 1.0.0 was asked for; only 0.0.1 and 1.0.0 are read.`,
      );
    case PROTOBUF:
      return protobufFormat(parameters);
    default:
      return fallback === 'PrometheusProto' ? 'protobuf' : fallback.startsWith('OpenMetrics') ? 'openmetrics' : 'text';
  }
}

/** There are other messages, and other ways to write this one down. */
function protobufFormat(parameters: readonly string[]): 'protobuf' {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.replaceAll(/["\s]/g, '').split('=');
    const wanted = name === 'proto' ? 'io.prometheus.client.metricfamily' : name === 'encoding' ? 'delimited' : value;
    if (wanted === value) continue;
    throw new ScrapeError(
      'content_type',
      `The target answered with protobuf of ${name} "${value}"; ${wanted} is read.`,
    );
  }
  return 'protobuf';
}
