import { makeBatch, type Batch } from '../../src/core/batch.ts';
import type { OnDecision, TraceDecisions, TraceFate } from '../../src/core/trace-decisions.ts';
import { decodeRequest, encodeRequest, type PlainObject } from './otlp-proto.ts';

/** A log record: its body is its name, and `trace` a small number that becomes a trace id; 0 is none. */
export interface TraceLog {
  readonly name: string;
  readonly trace: number;
  readonly severity?: number;
  readonly service?: string;
  readonly scope?: string;
}

export function traceIdOf(trace: number): Buffer {
  const id = Buffer.alloc(16);
  if (trace === 0) return id;
  id.writeUInt32BE(0xabcdef01, 0);
  id.writeUInt32BE(trace, 12);
  return id;
}

/** One request, its logs in this order under their services and scopes. */
export function logBatch(logs: readonly TraceLog[]): Batch {
  const resourceLogs = runsOf(logs, ({ service = 'shop' }) => service).map(([service, ofService]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeLogs: runsOf(ofService, ({ scope = 'app' }) => scope).map(([scope, ofScope]) => ({
      scope: { name: scope },
      logRecords: ofScope.map(record),
    })),
  }));
  return makeBatch('logs', [encodeRequest('logs', { resourceLogs })], logs.length);
}

function record({ name, trace, severity }: TraceLog): PlainObject {
  return {
    body: { stringValue: name },
    ...(severity === undefined ? {} : { severityNumber: severity }),
    ...(trace === 0 ? {} : { traceId: traceIdOf(trace) }),
  };
}

/** Neighbours with the same key together. */
function runsOf(logs: readonly TraceLog[], keyOf: (log: TraceLog) => string): [string, TraceLog[]][] {
  const runs: [string, TraceLog[]][] = [];
  for (const log of logs) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === keyOf(log)) last[1].push(log);
    else runs.push([keyOf(log), [log]]);
  }
  return runs;
}

interface Request {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly { readonly value: { readonly stringValue: string } }[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string };
      readonly logRecords: readonly { readonly body: { readonly stringValue: string } }[];
    }[];
  }[];
}

/** `service/scope/name` of each log, in order. */
export function placesIn(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ chunks }) => {
    const request = decodeRequest('logs', Buffer.concat(chunks)) as unknown as Request;
    return request.resourceLogs.flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ scope, logRecords }) =>
        logRecords.map(({ body }) =>
          [resource.attributes[0]?.value.stringValue, scope.name, body.stringValue].join('/'),
        ),
      ),
    );
  });
}

export function namesIn(batches: readonly Batch[]): string[] {
  return placesIn(batches).map((place) => place.slice(place.lastIndexOf('/') + 1));
}

/** Decisions as a test says them. */
export class ScriptedDecisions implements TraceDecisions {
  readonly decisionWaitMs?: number;
  readonly #fates = new Map<string, TraceFate>();
  readonly #followers: OnDecision[] = [];
  #remembers = true;

  constructor(decisionWaitMs?: number) {
    if (decisionWaitMs !== undefined) this.decisionWaitMs = decisionWaitMs;
  }

  fateOf(bytes: Uint8Array, at: number): TraceFate {
    return this.#fates.get(keyOf(bytes, at)) ?? 'unknown';
  }

  onDecision(decided: OnDecision): void {
    this.#followers.push(decided);
  }

  /** As a sampler without a decision cache. */
  forgetAtOnce(): void {
    this.#remembers = false;
  }

  /** Without telling anybody. */
  set(trace: number, fate: TraceFate): void {
    this.#fates.set(keyOf(traceIdOf(trace), 0), fate);
  }

  decide(trace: number, kept: boolean): void {
    const id = Buffer.concat([Buffer.alloc(3), traceIdOf(trace)]);
    if (this.#remembers) this.set(trace, kept ? 'kept' : 'dropped');
    else this.#fates.delete(keyOf(id, 3));
    for (const decided of this.#followers) decided(id, 3, kept);
    id.fill(0xff);
  }
}

function keyOf(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
}
