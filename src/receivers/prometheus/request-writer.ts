import {
  ANY_VALUE,
  KEY_VALUE,
  METRIC,
  METRIC_DATA,
  NUMBER_POINT,
  NO_RECORDED_VALUE,
  REQUEST,
  RESOURCE,
  RESOURCE_X,
  SCOPE,
  SCOPE_X,
} from '../../otlp/fields.ts';
import { Writer } from '../../otlp/writer.ts';
import type { FamilyType } from './family.ts';
import { NO_SCOPE, type ResourceGroup, type ScopeGroup } from './groups.ts';
import { Nanos } from '../../otlp/nanos.ts';
import type { Metric } from './point.ts';
import type { PageBuffers } from './page-buffers.ts';
import { writeMetricData, type WritingScrape, type WrittenPoints } from './point-writer.ts';
import { writeAttributes } from './series.ts';
import type { Target } from './target.ts';
import { ucumUnit } from './units.ts';

/** What a scrape says about itself: gauges beside the samples of the page. */
export interface ReportSeries {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** Undefined writes the marker that the series has ended. */
  readonly value: number | undefined;
}

export interface WrittenRequest extends WrittenPoints {
  readonly bytes: Uint8Array;
  /** For whoever has delivered the bytes and reads them no more. */
  readonly reuse: (() => void) | undefined;
}

/** Name and version of the scope of metrics that name none. */
export interface ScraperScope {
  readonly name: string;
  readonly version: string;
}

/** Smaller batches are copies of their own: a shared buffer would be mostly empty. */
const REUSED_FROM_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

const time = new Nanos();

/**
 * Writes scrapes as ExportMetricsServiceRequest bytes. One for all targets of a receiver: the buffer is reused, unless a
 * batch fills it by half, which takes it with it.
 */
export class RequestWriter {
  readonly #writer = new Writer(64 * 1024);
  readonly #scope: ScraperScope;
  readonly #buffers: PageBuffers;
  readonly #headerWriter = new Writer(1024);
  /** Size of the last batch that took the writer's buffer with it. */
  #givenBytes = 0;

  constructor(scope: ScraperScope, buffers: PageBuffers) {
    this.#scope = scope;
    this.#buffers = buffers;
  }

  /** The bytes of one request and what is in it; no bytes when there is nothing to say. */
  write(target: Target, scrape: WritingScrape, report: readonly ReportSeries[]): WrittenRequest {
    const written = { points: 0, errored: 0 };
    if (this.#writer.buffer.length === 0) this.#writer.swap(this.#buffers.take(this.#givenBytes));
    scrape.series.groups.resource(target.job, target.instance).scope(NO_SCOPE);
    for (const resource of scrape.series.groups.list) {
      const isOwn = resource.job === target.job && resource.instance === target.instance;
      this.#resource(target, resource, scrape, isOwn ? report : [], written);
    }
    const { entries, strays } = scrape.series;
    for (const stray of strays) if (entries.seen[stray] === scrape.page) written.errored += 1;
    return { ...this.#taken(), ...written };
  }

  #taken(): Pick<WrittenRequest, 'bytes' | 'reuse'> {
    const writer = this.#writer;
    const { pos: length } = writer;
    if (length < REUSED_FROM_BYTES) return { bytes: writer.take(), reuse: undefined };
    const buffers = this.#buffers;
    const { buffer: written } = writer;
    if (written.length <= length * 2) {
      this.#givenBytes = length;
      return { bytes: writer.swap(NOTHING), reuse: () => buffers.give(written) };
    }
    const buffer = buffers.take(length, length * 2);
    written.copy(buffer, 0, 0, length);
    writer.pos = 0;
    return { bytes: buffer.subarray(0, length), reuse: () => buffers.give(buffer) };
  }

  #resource(
    target: Target,
    group: ResourceGroup,
    scrape: WritingScrape,
    report: readonly ReportSeries[],
    written: WrittenPoints,
  ): void {
    const writer = this.#writer;
    const from = writer.pos;
    const before = written.points;
    const message = writer.begin(REQUEST.resources, group.expectedBytes);
    writeResource(writer, target, group, scrape);
    for (const scope of group.scopes) {
      this.#scopeMetrics(target, scope, scrape, scope.labels === NO_SCOPE ? report : [], written);
    }
    group.expectedBytes = writer.pos - message;
    if (written.points > before) writer.end(message);
    else writer.pos = from;
  }

  #scopeMetrics(
    target: Target,
    group: ScopeGroup,
    scrape: WritingScrape,
    report: readonly ReportSeries[],
    written: WrittenPoints,
  ): void {
    const writer = this.#writer;
    const from = writer.pos;
    const before = written.points;
    const message = writer.begin(RESOURCE_X.scopes, group.expectedBytes);
    this.#writeScope(group);
    for (const metric of group.metrics) this.#metric(metric, scrape, written);
    for (const series of report) writeReport(writer, series, target, scrape.timeMs);
    written.points += report.length;
    if (group.labels.schemaUrl !== '') writer.string(SCOPE_X.schemaUrl, group.labels.schemaUrl);
    group.expectedBytes = writer.pos - message;
    if (written.points > before) writer.end(message);
    else writer.pos = from;
  }

  /** InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; } */
  #writeScope(group: ScopeGroup): void {
    const writer = this.#writer;
    const { labels, infoAttributes } = group;
    const own = labels.name === '';
    const scope = writer.begin(SCOPE_X.scope);
    writer.string(SCOPE.name, own ? this.#scope.name : labels.name);
    const version = own ? this.#scope.version : labels.version;
    if (version !== '') writer.string(SCOPE.version, version);
    writeAttributes(writer, SCOPE.attributes, labels.attributes);
    writeAttributes(writer, SCOPE.attributes, infoAttributes);
    writer.end(scope);
  }

  #metric(metric: Metric, scrape: WritingScrape, written: WrittenPoints): void {
    const writer = this.#writer;
    const from = writer.pos;
    const before = written.points;
    const message = writer.begin(SCOPE_X.items, metric.expectedBytes);
    writer.raw(this.#header(metric));
    writeMetricData(writer, metric, scrape, written);
    if (written.points > before) writer.end(message);
    else writer.pos = from;
  }

  #header(metric: Metric): Uint8Array {
    const { family } = metric;
    if (metric.header !== undefined && metric.headerRevision === family.revision) return metric.header;
    writeHeader(this.#headerWriter, metric.name, family.help, ucumUnit(family.unit), family.type);
    metric.header = this.#headerWriter.take();
    metric.headerRevision = family.revision;
    return metric.header;
  }
}

/** Metric { string name = 1; string description = 2; string unit = 3; repeated KeyValue metadata = 12; } */
function writeHeader(writer: Writer, name: string, description: string, unit: string, type: FamilyType): void {
  writer.string(METRIC.name, name);
  if (description !== '') writer.string(METRIC.description, description);
  if (unit !== '') writer.string(METRIC.unit, unit);
  writeAttributes(writer, METRIC.metadata, ['prometheus.type', type]);
}

function writeReport(writer: Writer, series: ReportSeries, target: Target, timeMs: number): void {
  const message = writer.begin(SCOPE_X.items);
  writeHeader(writer, series.name, series.description, series.unit, 'gauge');
  const gauge = writer.begin(METRIC.gauge);
  const point = writer.begin(METRIC_DATA.dataPoints);
  time.set(timeMs);
  writer.fixed64Parts(NUMBER_POINT.timeUnixNano, time.low, time.high);
  if (series.value === undefined) writer.uint(NUMBER_POINT.flags, NO_RECORDED_VALUE);
  else writer.double(NUMBER_POINT.asDouble, series.value);
  for (const label of target.labels) writeAttributes(writer, NUMBER_POINT.attributes, label);
  for (const label of target.externalLabels) {
    if (!target.labels.some(([name]) => name === label[0])) writeAttributes(writer, NUMBER_POINT.attributes, label);
  }
  writer.end(point);
  writer.end(gauge);
  writer.end(message);
}

/** Resource { repeated KeyValue attributes = 1; }, a `target_info` label never replacing what names the target. */
function writeResource(writer: Writer, target: Target, group: ResourceGroup, scrape: WritingScrape): void {
  const resource = writer.begin(RESOURCE_X.resource, 200);
  const { host, port } = hostAndPort(group.instance, target);
  const pairs = ['service.name', group.job, 'service.instance.id', group.instance, 'server.address', host];
  pairs.push('url.scheme', target.url.protocol.slice(0, -1));
  for (const info of group.infos) {
    if (scrape.series.entries.seen[info.entry] === scrape.page) addMissing(pairs, info.labels);
  }
  writeAttributes(writer, RESOURCE.attributes, pairs);
  if (port !== '' && !pairs.includes('server.port')) writeIntegerAttribute(writer, 'server.port', Number(port));
  writer.end(resource);
}

function addMissing(pairs: string[], labels: readonly string[]): void {
  const own = pairs.length;
  for (let at = 0; at < labels.length; at += 2) {
    let known = false;
    for (let other = 0; other < own; other += 2) known ||= pairs[other] === labels[at];
    if (!known) pairs.push(labels[at] ?? '', labels[at + 1] ?? '');
  }
}

/** Address and port of an instance `host:port`, of the target's URL when it does not look like one. */
function hostAndPort(instance: string, target: Target): { host: string; port: string } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]+):(\d{1,5})$/.exec(instance);
  if (match !== null) return { host: match[1] ?? '', port: match[2] ?? '' };
  return { host: target.url.hostname, port: target.url.port };
}

/** KeyValue { string key = 1; AnyValue { int64 int_value = 3; } value = 2; } */
function writeIntegerAttribute(writer: Writer, key: string, value: number): void {
  const attribute = writer.begin(RESOURCE.attributes);
  writer.string(KEY_VALUE.key, key);
  const any = writer.begin(KEY_VALUE.value);
  writer.uint(ANY_VALUE.int, value);
  writer.end(any);
  writer.end(attribute);
}
