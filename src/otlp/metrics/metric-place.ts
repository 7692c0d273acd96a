import { METRIC, METRIC_DATA } from '../fields.ts';
import { pointAttributes } from '../edit.ts';
import { isMetricData } from '../count.ts';
import { Cursor, LEN, utf8, VARINT } from '../wire.ts';

/**
 * The metric that a walk stands on, with what is around it: ranges of the content of messages in `bytes`, empty where
 * the request does not have them. One object is reused for all, so it is valid until the next metric.
 *
 *   message Metric { string name = 1; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7; ... } }
 *   message Sum    { repeated NumberDataPoint data_points = 1; AggregationTemporality = 2; bool is_monotonic = 3; }
 */
export class MetricPlace {
  bytes: Uint8Array = EMPTY;
  /** Resource. The serial changes with every ResourceX: what was read from one may be kept as long as it stays. */
  resourceStart = 0;
  resourceEnd = 0;
  resourceSerial = 0;
  /** InstrumentationScope */
  scopeStart = 0;
  scopeEnd = 0;
  scopeSerial = 0;
  /** Metric */
  metricStart = 0;
  metricEnd = 0;
  metricSerial = 0;
  nameStart = 0;
  nameEnd = 0;
  unitStart = 0;
  unitEnd = 0;
  /** The field of Metric that holds the data points: METRIC.gauge and so on; 0 when it has none. */
  dataField = 0;
  /** Of that message; of the one being walked, should a Metric have several. */
  dataStart = 0;
  dataEnd = 0;
  /** TEMPORALITY; 0 for gauges and summaries. */
  temporality = 0;
  isMonotonic = false;
  /** Data points of the metric. */
  points = 0;

  /** The number of the attributes field of its data points. */
  get attributesField(): number {
    return pointAttributes(this.dataField);
  }

  name(): string {
    return utf8(this.bytes, this.nameStart, this.nameEnd);
  }

  /** Reads the metric that `at` stands on; the last of a field that comes twice counts. Throws payload_malformed. */
  load(at: Cursor): void {
    this.metricStart = at.start;
    this.metricEnd = at.end;
    this.metricSerial += 1;
    this.nameStart = this.nameEnd = this.unitStart = this.unitEnd = at.start;
    this.dataField = this.dataStart = this.dataEnd = 0;
    this.temporality = 0;
    this.isMonotonic = false;
    this.points = 0;
    for (fields.enter(at); fields.next();) {
      if (fields.wireType !== LEN) continue;
      if (fields.field === METRIC.name) {
        this.nameStart = fields.start;
        this.nameEnd = fields.end;
      } else if (fields.field === METRIC.unit) {
        this.unitStart = fields.start;
        this.unitEnd = fields.end;
      } else if (isMetricData(fields.field)) this.#loadData();
    }
    fields.reset(EMPTY, 0, 0);
    data.reset(EMPTY, 0, 0);
  }

  /** The walk goes on to the data message that `at` stands on. */
  enterData(at: Cursor): void {
    this.dataField = at.field;
    this.dataStart = at.start;
    this.dataEnd = at.end;
  }

  #loadData(): void {
    this.enterData(fields);
    for (data.enter(fields); data.next();) {
      if (data.field === METRIC_DATA.dataPoints) this.points += data.wireType === LEN ? 1 : 0;
      else if (data.wireType !== VARINT) continue;
      else if (data.field === METRIC_DATA.aggregationTemporality) this.temporality = data.int32();
      else if (data.field === METRIC_DATA.isMonotonic) this.isMonotonic = data.int32() !== 0;
    }
  }
}

const EMPTY = new Uint8Array(0);
const fields = new Cursor();
const data = new Cursor();
