import type { FileSystem } from '../../../core/file-system.ts';
import type { Logger } from '../../../core/logger.ts';
import type { Count } from '../../../core/meter.ts';
import { HELD_LIMIT_BYTES } from '../bounds.ts';
import type { LineEncoder, RecordWriter } from '../encode/record-writer.ts';
import { Caps, type IncompleteCounts } from '../joining/caps.ts';
import { HeldBudget, type HeldLines } from '../joining/held-groups.ts';
import type { ContainerConfig } from './container/config.ts';
import { ContainerNode } from './container/node.ts';
import { ContainerParser } from './container/container-parser.ts';
import { ContainerStage } from './container/stage.ts';
import { passesOn, type Node, type OnError } from './nodes.ts';
import type { RecombineConfig } from './recombine/config.ts';
import { RecombineNode } from './recombine/node.ts';
import { recombineRule } from './recombine/rule.ts';
import { RecombineStage } from './recombine/stage.ts';
import { traceFold } from './stack-traces.ts';

export interface JoinsOptions {
  readonly files: FileSystem;
  readonly log: Logger;
  readonly parseErrors: Count;
  readonly droppedLines: Count;
  readonly incomplete: IncompleteCounts;
  /** Bound of a joined record where its operator has none. */
  readonly maxLogSize: number;
  readonly flushMs: number;
  readonly keepTrailing: boolean;
  readonly out: RecordWriter;
}

const FLUSH_MS = 5000;
const PRESET_FLUSH_MS = 500;
/** Lines of a container that are joined: at 16 KiB each, far more bytes than any bound. The checkpoint names each of them. */
const MAX_PARTS = 10_000;

/** Makes the operators that keep lines back, and knows them all. Each is made after the one that follows it. */
export class Joins {
  readonly budget = new HeldBudget(HELD_LIMIT_BYTES);
  readonly #held: HeldLines[] = [];
  readonly #options: JoinsOptions;

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  /** First to last. */
  get held(): readonly HeldLines[] {
    return this.#held;
  }

  containerStage(config: ContainerConfig, next: LineEncoder): LineEncoder {
    const { flushMs, keepTrailing } = this.#options;
    const stage = new ContainerStage(
      {
        parser: new ContainerParser(config.format),
        caps: this.#caps(config.max_log_size, MAX_PARTS),
        periodMs: flushMs,
        keepTrailing,
        onUnknown: () => this.#fail(config.type, config.on_error, 'the line has no format of a container runtime'),
      },
      next,
    );
    this.#held.unshift(stage.held);
    return stage;
  }

  containerNode(config: ContainerConfig, id: string, next: Node): Node {
    const parser = new ContainerParser(config.format);
    const onFailure = (reason: string): boolean => this.#fail(id, config.on_error, reason);
    const join = new RecombineNode(
      {
        rule: () => () => (parser.isPartial ? 'inner' : 'last'),
        combineField: { root: 'body', path: [] },
        combineWith: '',
        source: { root: 'body', path: [''] },
        maxSources: 0,
        maxUnmatched: 0,
        overwriteWith: 'newest',
        caps: this.#caps(config.max_log_size, MAX_PARTS),
        periodMs: this.#options.flushMs,
        isPartial: true,
        trimsEnd: !this.#options.keepTrailing,
        out: this.#options.out,
        onFailure,
      },
      next,
    );
    this.#held.unshift(join.held);
    const { parse_from: parseFrom, parse_to: parseTo, add_metadata_from_filepath: addsMetadata } = config;
    return new ContainerNode(
      { parser, parseFrom, parseTo, addsMetadata, files: this.#options.files, out: this.#options.out, onFailure },
      { join, next },
    );
  }

  recombineStage(config: RecombineConfig, next: LineEncoder): LineEncoder {
    const { keepTrailing } = this.#options;
    const stage = new RecombineStage(
      {
        fold: traceFold(config.preset ?? []),
        caps: this.#caps(config.max_log_size, config.max_batch_size),
        periodMs: config.force_flush_period ?? PRESET_FLUSH_MS,
        takesNewest: config.overwrite_with === 'newest',
        keepTrailing,
      },
      next,
    );
    this.#held.unshift(stage.held);
    return stage;
  }

  recombineNode(config: RecombineConfig, id: string, next: Node): Node {
    const hasPreset = config.preset !== undefined;
    const node = new RecombineNode(
      {
        rule: recombineRule(config),
        combineField: config.combine_field,
        combineWith: config.combine_with,
        source: config.source_identifier,
        maxSources: config.max_sources,
        maxUnmatched: hasPreset ? 0 : config.max_unmatched_batch_size,
        overwriteWith: config.overwrite_with ?? (hasPreset ? 'oldest' : 'newest'),
        caps: this.#caps(config.max_log_size, config.max_batch_size),
        periodMs: config.force_flush_period ?? (hasPreset ? PRESET_FLUSH_MS : FLUSH_MS),
        isPartial: config.is_last_entry !== undefined,
        trimsEnd: false,
        out: this.#options.out,
        onFailure: (reason) => this.#fail(id, config.on_error, reason),
      },
      next,
    );
    this.#held.unshift(node.held);
    return node;
  }

  #caps(maxLogSize: number, limitLines: number): Caps {
    const limitBytes = maxLogSize > 0 ? maxLogSize : this.#options.maxLogSize;
    return new Caps({ limitBytes, limitLines, budget: this.budget, incomplete: this.#options.incomplete });
  }

  /** Counts a line that an operator failed on; true when it is to be sent as it is. */
  #fail(operator: string, onError: OnError, reason: string): boolean {
    return passesOn({ id: operator, onError, environment: this.#options }, reason);
  }
}
