import { partOfBatch, type Batch } from '../../core/batch.ts';
import type { Random } from '../../core/random.ts';
import { offerBytes } from '../../core/reuse.ts';
import type { Transformed } from '../../core/transform.ts';
import { REQUEST, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { RangeCopier } from '../../otlp/range-copier.ts';
import { SpareBuffers } from '../../otlp/spare-buffers.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import { Writer } from '../../otlp/writer.ts';
import { GroupWriter } from './group-writer.ts';
import { nameOf } from './metric-draft.ts';
import { NameTable } from './name-table.ts';
import type { Rule } from './rule.ts';
import { Workbench } from './workbench.ts';

/**
 * Runs transforms over requests. Metrics that none of them means are copied as ranges, and chunks without any that one
 * means are shared.
 *
 *   request > resource > scope > metric        what changed is cut out and written anew in its place; what was added stands
 *                                              behind the metrics of its scope, what was grouped behind all resources
 */
export class RequestWalk {
  readonly #rules: readonly Rule[];
  readonly #bench: Workbench;
  readonly #names: NameTable;
  readonly #spare = new SpareBuffers();
  readonly #copier = new RangeCopier();
  readonly #grouped = new Writer(0);
  readonly #groupWriter = new GroupWriter();
  readonly #resources = new Cursor();
  readonly #scopes = new Cursor();
  readonly #metrics = new Cursor();

  constructor(rules: readonly Rule[], random: Random) {
    this.#rules = rules;
    this.#bench = new Workbench(random);
    this.#names = new NameTable((name) => rules.some(({ names }) => names.match(name) !== undefined));
  }

  /** Why metrics were not combined in the last batch. */
  get refusals(): readonly string[] {
    return Array.from(this.#bench.refusals.values());
  }

  /** Throws payload_malformed. */
  run(batch: Batch): Transformed {
    this.#bench.startBatch();
    const chunks: Uint8Array[] = [];
    const made: Uint8Array[] = [];
    try {
      for (const chunk of batch.chunks) {
        const edited = this.#chunk(chunk);
        if (edited !== undefined) made.push(edited);
        if (edited === undefined || edited.length > 0) chunks.push(edited ?? chunk);
      }
      if (this.#grouped.pos > 0) chunks.push(this.#grouped.detach(0));
    } finally {
      this.#release();
    }
    return made.length === 0 ? { batch } : this.#result(batch, chunks, made);
  }

  #result(batch: Batch, chunks: readonly Uint8Array[], made: readonly Uint8Array[]): Transformed {
    const { pass, merge, made: added } = this.#bench;
    const filtered = pass.dropped;
    const { merged } = merge;
    const items = batch.items + added - filtered - merged;
    const counts = {
      dropped: { filtered, aggregated: merged },
      made: added,
      copied: made.length === batch.chunks.length,
    };
    const giveBack = (): void => {
      for (const chunk of made) this.#spare.give(chunk);
    };
    if (chunks.length === 0) {
      giveBack();
      return { batch: undefined, ...counts };
    }
    const result = partOfBatch(batch, chunks, items);
    offerBytes(result, giveBack);
    return { batch: result, ...counts };
  }

  #chunk(bytes: Uint8Array): Uint8Array | undefined {
    this.#copier.start(bytes, this.#spare);
    for (this.#resources.reset(bytes, 0, bytes.length); this.#resources.next();) {
      if (this.#resources.field === REQUEST.resources && this.#resources.wireType === LEN) this.#resource();
    }
    return this.#copier.finish();
  }

  #resource(): void {
    let [left, pruned] = [0, 0];
    this.#copier.enter(this.#resources);
    for (this.#scopes.enter(this.#resources); this.#scopes.next();) {
      if (this.#scopes.field !== RESOURCE_X.scopes || this.#scopes.wireType !== LEN) continue;
      if (this.#scope()) left += 1;
      else pruned += 1;
    }
    if (left === 0 && pruned > 0) this.#copier.prune();
    else this.#copier.leave();
  }

  /** False when nothing is left of the scope, which is cut out then. */
  #scope(): boolean {
    const bench = this.#bench;
    bench.startScope();
    let others = 0;
    for (this.#metrics.enter(this.#scopes); this.#metrics.next();) {
      if (this.#metrics.field !== SCOPE_X.items || this.#metrics.wireType !== LEN) continue;
      const { text, isMeant } = nameOf(this.#metrics, this.#names);
      if (isMeant) bench.load(this.#metrics, text);
      else others += 1;
    }
    if (bench.count === 0) return true;
    for (const rule of this.#rules) rule.run(bench);
    for (const group of bench.groups) this.#groupWriter.write(this.#grouped, group, this.#resources, this.#scopes);
    this.#copier.enter(this.#scopes);
    if (others === 0 && bench.left === 0) {
      this.#copier.prune();
      return false;
    }
    this.#writeScope();
    this.#copier.leave();
    return true;
  }

  #writeScope(): void {
    const { drafts, count } = this.#bench;
    const { bytes, end } = this.#scopes;
    for (let at = 0; at < count; at++) {
      const draft = drafts[at];
      if (draft === undefined) continue;
      const isAdded = draft.sourceStart < 0;
      if (isAdded && !draft.gone) draft.write(this.#copier.cut(end, end));
      if (isAdded || !draft.isChangeOf(bytes)) continue;
      const writer = this.#copier.cut(draft.sourceStart, draft.sourceEnd);
      if (!draft.gone) draft.write(writer);
    }
  }

  /** The walk outlives the request: nothing of it may stay behind. */
  #release(): void {
    this.#bench.release();
    this.#copier.start(EMPTY, this.#spare);
    this.#grouped.swap(NO_BYTES);
    this.#groupWriter.release();
    for (const cursor of [this.#resources, this.#scopes, this.#metrics]) cursor.reset(EMPTY, 0, 0);
  }
}

const EMPTY = new Uint8Array(0);
const NO_BYTES = Buffer.alloc(0);
