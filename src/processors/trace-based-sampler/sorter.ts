import type { Batch } from '../../core/batch.ts';
import type { TraceFate } from '../../core/trace-decisions.ts';
import { rewriteRequest } from '../../otlp/edit.ts';
import { LOG, REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Cursor, LEN, VARINT } from '../../otlp/wire.ts';
import { RESOURCE_BYTES, SCOPE_BYTES } from '../tail-sampling/headers.ts';
import { heldBytes, type HeldRun } from './held-logs.ts';

export interface SortingRules {
  fateOf(bytes: Uint8Array, at: number): TraceFate;
  readonly withoutTrace: 'keep' | 'drop';
  /** Undefined: no log is kept for its severity. */
  readonly keepSeverity: number | undefined;
}

/** Logs of one chunk that were decided, of each where its trace id is. */
export interface DecidedRun {
  readonly bytes: Uint8Array;
  readonly kept: number[];
  readonly dropped: number[];
}

/** What becomes of the logs of one batch. Positions are good as long as its bytes. */
export interface Sorted {
  /** What goes on at once; undefined when nothing does. */
  readonly batch: Batch | undefined;
  readonly severity: number;
  readonly withoutTrace: number;
  /** As their trace was. */
  readonly kept: number;
  readonly dropped: number;
  /** Kept or dropped although their trace is not decided. */
  readonly undecided: number;
  readonly decided: readonly DecidedRun[];
  readonly held: readonly HeldRun[];
  readonly heldLogs: number;
  /** At most what they take in the store, with what surrounds them. */
  readonly heldBytes: number;
}

const KEEP = 0;
const DROP = 1;
const HOLD = 2;

/** Tells apart what of a batch is kept, dropped and held, by one look at each log; decodes and copies nothing else. */
export class Sorter {
  readonly #rules: SortingRules;
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #logs = new Cursor();
  readonly #fields = new Cursor();
  /** By the place of a log in its batch. */
  #outcomes = new Uint8Array(0);
  #count = 0;
  #severity = 0;
  #withoutTrace = 0;
  #kept = 0;
  #dropped = 0;
  #heldLogs = 0;
  #heldBytes = 0;
  #undecided = 0;
  /** What becomes at once of what is held otherwise. */
  #instead: 'keep' | 'drop' | undefined;
  #decided: DecidedRun[] = [];
  #held: HeldRun[] = [];
  #traceAt = -1;
  #logSeverity = 0;

  constructor(rules: SortingRules) {
    this.#rules = rules;
  }

  /** Throws payload_malformed. With `instead` nothing is held. */
  sort(batch: Batch, instead?: 'keep' | 'drop'): Sorted {
    this.#start(batch.items, instead);
    try {
      for (const chunk of batch.chunks) this.#chunk(chunk);
      return {
        batch: this.#rest(batch),
        severity: this.#severity,
        withoutTrace: this.#withoutTrace,
        kept: this.#kept,
        dropped: this.#dropped,
        undecided: this.#undecided,
        decided: this.#decided,
        held: this.#held,
        heldLogs: this.#heldLogs,
        heldBytes: this.#heldBytes,
      };
    } finally {
      this.#start(0, undefined);
      for (const cursor of [this.#resources, this.#scopes, this.#logs, this.#fields]) cursor.reset(EMPTY, 0, 0);
    }
  }

  #start(items: number, instead: 'keep' | 'drop' | undefined): void {
    if (this.#outcomes.length < items) this.#outcomes = new Uint8Array(items);
    this.#count = this.#severity = this.#withoutTrace = this.#kept = this.#dropped = 0;
    this.#heldLogs = this.#heldBytes = this.#undecided = 0;
    this.#instead = instead;
    this.#decided = [];
    this.#held = [];
  }

  /** The batch without the logs that are dropped or held. */
  #rest(batch: Batch): Batch | undefined {
    let out = this.#dropped + this.#heldLogs;
    if (this.#rules.withoutTrace === 'drop') out += this.#withoutTrace;
    if (this.#instead === 'drop') out += this.#undecided;
    if (out === 0) return batch;
    if (out >= batch.items) return undefined;
    let at = 0;
    const dropItem = (): boolean => this.#outcomes[at++] !== KEEP;
    return rewriteRequest(batch, { dropItem }).batch;
  }

  #chunk(bytes: Uint8Array): void {
    const decided: DecidedRun = { bytes, kept: [], dropped: [] };
    const resources = this.#resources;
    for (resources.reset(bytes, 0, bytes.length); resources.next();) {
      if (resources.field === REQUEST.resources && resources.wireType === LEN) this.#resource(decided);
    }
    if (decided.kept.length > 0 || decided.dropped.length > 0) this.#decided.push(decided);
  }

  #resource(decided: DecidedRun): void {
    const scopes = this.#scopes;
    const runsBefore = this.#held.length;
    let ownBytes = RESOURCE_BYTES;
    for (scopes.enter(this.#resources); scopes.next();) {
      if (scopes.field === RESOURCE_X.scopes && scopes.wireType === LEN) this.#scope(decided);
      else ownBytes += scopes.end - scopes.tagStart;
    }
    if (this.#held.length > runsBefore) this.#heldBytes += ownBytes;
  }

  #scope(decided: DecidedRun): void {
    const [resources, scopes, logs] = [this.#resources, this.#scopes, this.#logs];
    let run: HeldRun | undefined;
    let ownBytes = SCOPE_BYTES;
    for (logs.enter(scopes); logs.next();) {
      if (logs.field !== SCOPE_X.items || logs.wireType !== LEN) {
        ownBytes += logs.end - logs.tagStart;
        continue;
      }
      const outcome = this.#outcomeOf(logs, decided);
      this.#note(outcome);
      if (outcome !== HOLD) continue;
      if (run === undefined) {
        run = {
          bytes: Buffer.from(logs.bytes.buffer, logs.bytes.byteOffset, logs.bytes.length),
          resourceStart: resources.start,
          resourceEnd: resources.end,
          scopeStart: scopes.start,
          scopeEnd: scopes.end,
          logs: [],
        };
        this.#held.push(run);
      }
      run.logs.push(logs.start, logs.end, this.#traceAt);
      this.#heldLogs += 1;
      this.#heldBytes += heldBytes(logs.end - logs.start);
    }
    if (run !== undefined) this.#heldBytes += ownBytes;
  }

  #note(outcome: number): void {
    if (this.#count >= this.#outcomes.length) {
      const larger = new Uint8Array(Math.max(64, this.#count * 2));
      larger.set(this.#outcomes);
      this.#outcomes = larger;
    }
    this.#outcomes[this.#count++] = outcome;
  }

  #outcomeOf(log: Cursor, decided: DecidedRun): number {
    this.#read(log);
    const { keepSeverity, withoutTrace } = this.#rules;
    if (keepSeverity !== undefined && this.#logSeverity >= keepSeverity) {
      this.#severity += 1;
      return KEEP;
    }
    if (this.#traceAt < 0) {
      this.#withoutTrace += 1;
      return withoutTrace === 'keep' ? KEEP : DROP;
    }
    return this.#follow(log.bytes, this.#traceAt, decided);
  }

  #follow(bytes: Uint8Array, traceAt: number, decided: DecidedRun): number {
    const fate = this.#rules.fateOf(bytes, traceAt);
    const isDecided = fate === 'kept' || fate === 'dropped';
    if (!isDecided && this.#instead === undefined) return HOLD;
    const kept = fate === 'kept' || (!isDecided && this.#instead === 'keep');
    (kept ? decided.kept : decided.dropped).push(traceAt);
    if (!isDecided) this.#undecided += 1;
    else if (kept) this.#kept += 1;
    else this.#dropped += 1;
    return kept ? KEEP : DROP;
  }

  /** The last of a field counts, as protobuf has it. */
  #read(log: Cursor): void {
    const fields = this.#fields;
    this.#traceAt = -1;
    this.#logSeverity = 0;
    for (fields.enter(log); fields.next();) {
      if (fields.field === LOG.traceId && fields.wireType === LEN) {
        this.#traceAt = isTraceId(fields) ? fields.start : -1;
      } else if (fields.field === LOG.severityNumber && fields.wireType === VARINT) this.#logSeverity = fields.int32();
    }
  }
}

const EMPTY = new Uint8Array(0);
const TRACE_ID_BYTES = 16;

/** 16 bytes, not all zero. */
function isTraceId({ bytes, start, end }: Cursor): boolean {
  if (end - start !== TRACE_ID_BYTES) return false;
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return true;
  return false;
}
