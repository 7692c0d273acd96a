import * as z from 'zod';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../../../src/otlp/fields.ts';
import { makePlace } from '../../../../src/otlp/place.ts';
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

let serial = 0;

/** As the buffer does: each span is shown to each condition, and what it adds to the sums is added. */
export function summarize(policies: Policies, trace: TestTrace): TraceSummary {
  const { id = TRACE_ID, resource = {}, scope = {}, spans = [{}] } = trace;
  const bytes = encodeRequest('traces', { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [...spans] }] }] });
  const met = policies.conditions.map(() => false);
  const times = { firstStartNs: 0, lastEndNs: 0 };
  const place = makePlace('traces');
  place.bytes = bytes;
  let spanBytes = 0;
  const [request, resources, scopes] = [new Cursor(bytes), new Cursor(), new Cursor()];
  for (; request.next();) {
    if (request.field !== REQUEST.resources) continue;
    place.resourceSerial = serial += 1;
    [place.resourceStart, place.resourceEnd] = [request.start, request.end];
    for (resources.enter(request); resources.next();) {
      if (resources.field !== RESOURCE_X.scopes) continue;
      place.scopeSerial = serial += 1;
      [place.scopeStart, place.scopeEnd] = [resources.start, resources.end];
      for (scopes.enter(resources); scopes.next();) {
        if (scopes.field !== SCOPE_X.items) continue;
        [place.itemStart, place.itemEnd] = [scopes.start, scopes.end];
        spanBytes += scopes.end - scopes.start;
        policies.conditions.forEach((condition, index) => (met[index] ||= condition(place)));
      }
    }
  }
  for (const { startTimeUnixNano: start = 0, endTimeUnixNano: end = 0 } of spans) {
    if (Number(start) !== 0 && (times.firstStartNs === 0 || Number(start) < times.firstStartNs))
      times.firstStartNs = Number(start);
    times.lastEndNs = Math.max(times.lastEndNs, Number(end));
  }
  return {
    bytes: id,
    traceIdAt: 0,
    spans: trace.spanCount ?? spans.length,
    spanBytes: trace.spanBytes ?? spanBytes,
    ...times,
    randomness: new Randomness().readTraceId(id, 0),
    met: (index) => met[index] === true,
  };
}
