import type { Section } from './catalog.ts';

/**
 * Component types of the OpenTelemetry Collector that people bring along, with the nearest thing to do here. Looked up
 * only after the catalog has not found the type, so a component that comes to exist needs no change here.
 */
const RECEIVERS: Readonly<Record<string, string>> = {
  hostmetrics: 'run node_exporter and scrape it with the prometheus receiver',
  host_metrics: 'run node_exporter and scrape it with the prometheus receiver',
  prometheus_simple: 'use the prometheus receiver with static_configs',
  k8s_cluster: 'run it in one Collector for the cluster, not in a sidecar',
  k8s_events: 'run it in one Collector for the cluster, not in a sidecar',
  k8sobjects: 'run it in one Collector for the cluster, not in a sidecar',
  kubeletstats: 'scrape the kubelet from a node agent, not from a sidecar',
  docker_stats: 'run cAdvisor and scrape it with the prometheus receiver',
  jaeger: 'let the application send OTLP to the otlp receiver',
  zipkin: 'let the application send OTLP to the otlp receiver',
  opencensus: 'let the application send OTLP to the otlp receiver',
  skywalking: 'let the application send OTLP to the otlp receiver',
  datadog: 'let the application send OTLP to the otlp receiver',
  awsxray: 'let the application send OTLP to the otlp receiver',
  otelarrow: 'use the otlp receiver',
  fluentforward: 'tail the log file with the filelog receiver',
  fluent_forward: 'tail the log file with the filelog receiver',
  syslog: 'write the log to a file and tail it with the filelog receiver',
  tcplog: 'write the log to a file and tail it with the filelog receiver',
  udplog: 'write the log to a file and tail it with the filelog receiver',
  journald: 'write the log to a file and tail it with the filelog receiver',
  windowseventlog: 'write the log to a file and tail it with the filelog receiver',
  otlpjsonfile: 'recorded OTLP is not read; post its lines to the otlp receiver',
  statsd: 'expose the metrics to the prometheus receiver, or send OTLP',
  carbon: 'expose the metrics to the prometheus receiver, or send OTLP',
  collectd: 'expose the metrics to the prometheus receiver, or send OTLP',
  influxdb: 'expose the metrics to the prometheus receiver, or send OTLP',
  kafka: 'queues of messages are not read; receive OTLP with the otlp receiver',
  loki: 'tail the log file with the filelog receiver',
  redis: 'run its exporter and scrape it with the prometheus receiver',
  mysql: 'run its exporter and scrape it with the prometheus receiver',
  postgresql: 'run its exporter and scrape it with the prometheus receiver',
  mongodb: 'run its exporter and scrape it with the prometheus receiver',
  nginx: 'run its exporter and scrape it with the prometheus receiver',
  sqlquery: 'run an exporter and scrape it with the prometheus receiver',
  httpcheck: 'run blackbox_exporter and scrape it with the prometheus receiver',
  nop: 'leave the signal without a pipeline instead',
};

const PROCESSORS: Readonly<Record<string, string>> = {
  transform: 'OTTL is not available; use the attributes, resource and filter processors',
  k8sattributes: 'pass pod names through the downward API and OTEL_RESOURCE_ATTRIBUTES, or the resource processor',
  k8s_attributes: 'pass pod names through the downward API and OTEL_RESOURCE_ATTRIBUTES, or the resource processor',
  resourcedetection: 'set what you know with the resource processor and ${env:...}',
  resource_detection: 'set what you know with the resource processor and ${env:...}',
  tail_sampling: 'it is not available; sample in the upstream, where whole traces meet',
  probabilistic_sampler: 'it is not available; sample in the SDK or in the upstream',
  groupbytrace: 'it is not available; group in the upstream, where whole traces meet',
  groupbyattrs: 'it is not available; set resource attributes with the resource processor',
  redaction: 'delete or hash attributes with the attributes processor',
  cumulativetodelta: 'temporality is passed on unchanged; convert it in the upstream',
  deltatocumulative: 'temporality is passed on unchanged; convert it in the upstream',
  deltatorate: 'rates are computed by the query language of the upstream',
  metricstransform: 'metrics are not renamed; use the attributes and filter processors',
  metricsgeneration: 'metrics are not computed here; do it in the upstream',
  metricstarttime: 'the prometheus receiver sets start times itself',
  interval: 'scrape less often in the prometheus receiver instead',
  span: 'rename spans in the SDK; use the attributes processor for attributes',
  logdedup: 'it is not available; use the filter processor',
  log_dedup: 'it is not available; use the filter processor',
  logstransform: 'use operators in the filelog receiver',
  queuebatch: 'use sending_queue.batch of the exporter, or the batch processor',
  queue_batch: 'use sending_queue.batch of the exporter, or the batch processor',
  batch: 'use sending_queue.batch of the exporter',
  memory_ballast: 'it has no effect in any current Collector; remove it',
  schema: 'it is not available; translate schemas in the upstream',
  geoip: 'it is not available; look addresses up in the upstream',
  ratelimit: 'use the rate_limit processor',
  ratelimiter: 'use the rate_limit processor',
  throttle: 'use the rate_limit processor',
  remotetap: 'use the debug exporter to look at what passes',
};

const SEND_OTLP = 'send OTLP with the otlp or otlphttp exporter';

const EXPORTERS: Readonly<Record<string, string>> = {
  logging: 'use the debug exporter, its successor',
  loki: 'Loki takes OTLP: use the otlphttp exporter with its /otlp endpoint',
  prometheus: 'Prometheus takes OTLP: use the otlphttp exporter with its /api/v1/otlp endpoint',
  prometheusremotewrite: 'Prometheus takes OTLP: use the otlphttp exporter with its /api/v1/otlp endpoint',
  prometheus_remote_write: 'Prometheus takes OTLP: use the otlphttp exporter with its /api/v1/otlp endpoint',
  jaeger: 'Jaeger takes OTLP: use the otlp exporter',
  zipkin: `${SEND_OTLP} to a Collector that has it`,
  kafka: `${SEND_OTLP} to a Collector that has it`,
  elasticsearch: 'Elastic takes OTLP: use the otlp or otlphttp exporter',
  opensearch: `${SEND_OTLP} to a Collector that has it`,
  clickhouse: `${SEND_OTLP} to a Collector that has it`,
  datadog: `${SEND_OTLP} to the Datadog agent or intake`,
  splunk_hec: `${SEND_OTLP} to a Collector that has it`,
  signalfx: `${SEND_OTLP} to a Collector that has it`,
  awsxray: `${SEND_OTLP} to a Collector that has it`,
  awsemf: `${SEND_OTLP} to a Collector that has it`,
  awscloudwatchlogs: `${SEND_OTLP} to a Collector that has it`,
  awss3: `${SEND_OTLP} to a Collector that has it`,
  googlecloud: `${SEND_OTLP} to a Collector that has it`,
  azuremonitor: `${SEND_OTLP} to a Collector that has it`,
  otelarrow: 'use the otlp exporter',
  loadbalancing: 'a sidecar has one upstream; balance behind its address',
  load_balancing: 'a sidecar has one upstream; balance behind its address',
  nop: 'leave the signal without a pipeline instead',
};

const EXTENSIONS: Readonly<Record<string, string>> = {
  zpages: 'use the self metrics; remove it',
  pprof: 'start node with --cpu-prof or --inspect; remove it',
  healthcheckv2: 'use health_check, which reports each pipeline',
  memory_ballast: 'it has no effect in any current Collector; remove it',
  memory_limiter: 'use the memory_limiter processor',
  basicauth: 'set the Authorization header in the exporter, from ${env:...}',
  basic_auth: 'set the Authorization header in the exporter, from ${env:...}',
  bearertokenauth: 'set the Authorization header in the exporter, from ${env:...}',
  bearer_token_auth: 'set the Authorization header in the exporter, from ${env:...}',
  headers_setter: 'request metadata does not reach exporters; set headers in the exporter',
  oauth2client: 'it is not available; let a proxy add the token',
  oidc: 'it is not available; put an authenticating proxy in front',
  sigv4auth: 'it is not available; let a proxy sign the requests',
  asapclient: 'it is not available; let a proxy add the token',
  ratelimiter: 'use the rate_limit processor',
  opamp: 'it is not available; deliver configurations as files',
  db_storage: 'use file_storage',
  redis_storage: 'use file_storage',
  host_observer: 'list the targets in the configuration',
  docker_observer: 'list the targets in the configuration',
  k8s_observer: 'list the targets in the configuration',
};

const KNOWN = {
  receivers: RECEIVERS,
  processors: PROCESSORS,
  exporters: EXPORTERS,
  extensions: EXTENSIONS,
} as const satisfies Record<Section, Readonly<Record<string, string>>>;

/** What to do instead of a component of the Collector that we do not have; undefined when the type is unknown. */
export function adviceInstead(section: Section, type: string): string | undefined {
  return Object.hasOwn(KNOWN[section], type) ? KNOWN[section][type] : undefined;
}

/** The connectors of the Collector are named in advice only. */
export const CONNECTORS_ADVICE = 'compute metrics from spans and route signals in the upstream Collector';
