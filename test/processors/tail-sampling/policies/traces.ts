import * as z from 'zod';
import { REQUEST, RESOURCE_X, SCOPE_X, SPAN } from '../../../../src/otlp/fields.ts';
import { makePlace, type Place } from '../../../../src/otlp/place.ts';
import { Randomness } from '../../../../src/otlp/sampling/randomness.ts';
import { Cursor } from '../../../../src/otlp/wire.ts';
import { compilePolicies } from '../../../../src/processors/tail-sampling/policies/compile.ts';
import { decisionShape } from '../../../../src/processors/tail-sampling/policies/schema.ts';
import type { Policies, PolicyDecision, TraceSummary } from '../../../../src/processors/tail-sampling/policy.ts';
import { encodeRequest, type PlainObject } from '../../../support/otlp-proto.ts';

/** What a test says of a trace, in the words of OTLP; what it leaves out is one span without anything. */
export interface TestTrace {
  readonly id?: Uint8Array;
  readonly resource?: PlainObject;
  readonly scope?: PlainObject;
  readonly spans?: readonly PlainObject[];
  /** Instead of those of the spans. */
  readonly spanCount?: number;
  readonly spanBytes?: number;
}

export const TRACE_ID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

export const attribute = (key: string, value: PlainObject): PlainObject => ({ attributes: [{ key, value }] });
export const text = (key: string, stringValue: string): PlainObject => attribute(key, { stringValue });
export const integer = (key: string, intValue: number | string): PlainObject => attribute(key, { intValue });
export const boolean = (key: string, boolValue: boolean): PlainObject => attribute(key, { boolValue });

export type PolicyObject = { type: string; name?: string } & PlainObject;

export const settingsSchema = z.strictObject(decisionShape());

export function compile(policies: readonly PolicyObject[], more: PlainObject = {}): Policies {
  const named = policies.map((policy, index) => ({ name: `p${index}`, ...policy }));
  return compilePolicies(settingsSchema.parse({ policies: named, ...more }));
}

/** What a policy that stands alone says of a trace. */
export function verdictOf(policy: PolicyObject, trace: TestTrace): PolicyDecision['outcome'] {
  const policies = compile([policy]);
  return policies.decide(summarize(policies, trace), 0).outcome;
}

/** As the buffer does: each span is shown to each condition, and what it adds to the sums is added. */
export function summarize(policies: Policies, trace: TestTrace): TraceSummary {
  const { id = TRACE_ID, resource = {}, scope = {}, spans = [{}], spanCount, spanBytes } = trace;
  const summary = summarizeAll(policies, id, [{ resource, scopeSpans: [{ scope, spans: [...spans] }] }]);
  return { ...summary, spans: spanCount ?? summary.spans, spanBytes: spanBytes ?? summary.spanBytes };
}

/** Of a trace that consists of these ResourceSpans. */
export function summarizeAll(policies: Policies, id: Uint8Array, resourceSpans: readonly PlainObject[]): TraceSummary {
  const bytes = encodeRequest('traces', { resourceSpans: [...resourceSpans] });
  const met = policies.conditions.map(() => false);
  const sums = { spans: 0, spanBytes: 0, firstStartNs: 0, lastEndNs: 0 };
  for (const place of places(bytes)) {
    const { start, end } = timesOf(place);
    sums.spans += 1;
    sums.spanBytes += place.itemEnd - place.itemStart;
    if (start > 0 && (sums.firstStartNs === 0 || start < sums.firstStartNs)) sums.firstStartNs = start;
    sums.lastEndNs = Math.max(sums.lastEndNs, end);
    policies.conditions.forEach((condition, index) => (met[index] ||= condition(place)));
  }
  return {
    bytes: id,
    traceIdAt: 0,
    ...sums,
    randomness: new Randomness().readTraceId(id, 0),
    met: (index) => met[index] === true,
  };
}

let serial = 0;

/** Each span of a request, as one object that is reused. */
function* places(bytes: Uint8Array): Iterable<Place> {
  const place = makePlace('traces');
  place.bytes = bytes;
  const [request, resource, scope] = [new Cursor(bytes), new Cursor(), new Cursor()];
  while (request.next()) {
    if (request.field !== REQUEST.resources) continue;
    place.resourceSerial = serial += 1;
    [place.resourceStart, place.resourceEnd] = [request.start, request.end];
    for (resource.enter(request); resource.next();) {
      if (resource.field !== RESOURCE_X.scopes) continue;
      place.scopeSerial = serial += 1;
      [place.scopeStart, place.scopeEnd] = [resource.start, resource.end];
      for (scope.enter(resource); scope.next();) {
        if (scope.field !== SCOPE_X.items) continue;
        [place.itemStart, place.itemEnd] = [scope.start, scope.end];
        yield place;
      }
    }
  }
}

/** In nanoseconds, 0 where there is none. */
function timesOf({ bytes, itemStart, itemEnd }: Place): { start: number; end: number } {
  const times = { start: 0, end: 0 };
  for (const at = new Cursor(bytes, itemStart, itemEnd); at.next();) {
    if (at.field === SPAN.startTimeUnixNano) times.start = Number(at.fixed64());
    if (at.field === SPAN.endTimeUnixNano) times.end = Number(at.fixed64());
  }
  return times;
}
