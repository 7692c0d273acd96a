import type { LineInfo } from '../../encode/line-info.ts';
import { copyRuntime } from '../../encode/line-info.ts';
import type { LineEncoder, RecordWriter } from '../../encode/record-writer.ts';
import type { Caps } from '../../joining/caps.ts';
import { HeldGroups } from '../../joining/held-groups.ts';
import { LineGroup } from '../../joining/line-group.ts';
import { trimEnd } from '../../reading/bytes.ts';
import type { ContainerParser } from './container-parser.ts';

export interface ContainerStageOptions {
  readonly parser: ContainerParser;
  readonly caps: Caps;
  /** A part whose rest does not come is written after this. */
  readonly periodMs: number;
  readonly keepTrailing: boolean;
  /** A line without the format; true when it is to be sent as it is. */
  readonly onUnknown: () => boolean;
}

/** Takes the format of a container runtime off each line, and joins what the runtime cut, stream by stream. */
export class ContainerStage implements LineEncoder {
  readonly held: HeldGroups<LineGroup>;
  readonly #options: ContainerStageOptions;
  readonly #next: LineEncoder;

  constructor(options: ContainerStageOptions, next: LineEncoder) {
    this.#options = options;
    this.#next = next;
    this.held = new HeldGroups({
      periodMs: options.periodMs,
      isPartial: true,
      write: (out, group) => {
        options.caps.count('time');
        this.#write(out, group);
      },
    });
  }

  encode(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    const { parser, onUnknown } = this.#options;
    if (!parser.parse(source, start, end)) {
      info.seconds = -1;
      info.marks = undefined;
      if (onUnknown()) this.#next.encode(out, source, start, end, info);
      return;
    }
    info.seconds = parser.seconds;
    info.nanos = parser.nanos;
    info.marks = parser.marks;
    const group = this.held.find(out.file, parser.marks.stream);
    if (group !== undefined || parser.isPartial) this.#join(out, group, info);
    else
      this.#next.encode(
        out,
        parser.body,
        parser.bodyStart,
        this.#end(parser.body, parser.bodyStart, parser.bodyEnd),
        info,
      );
  }

  #join(out: RecordWriter, begun: LineGroup | undefined, info: LineInfo): void {
    const { parser, caps } = this.#options;
    const key = parser.marks.stream;
    const group = begun ?? new LineGroup(caps.budget);
    group.append(out, parser.body, parser.bodyStart, parser.bodyEnd, info);
    copyRuntime(info, group.info);
    const isCut = parser.isPartial && caps.isReached(group);
    if (parser.isPartial && !isCut) {
      if (begun === undefined) this.held.add(out.file, key, group);
      return;
    }
    this.held.delete(out.file, key);
    if (isCut) group.info.cut = true;
    this.#write(out, group);
  }

  #write(out: RecordWriter, group: LineGroup): void {
    group.write(out, this.#next, 0, this.#end(group.buffer, 0, group.bytes));
    group.clear();
  }

  #end(bytes: Buffer, start: number, end: number): number {
    return this.#options.keepTrailing ? end : trimEnd(bytes, start, end);
  }
}
