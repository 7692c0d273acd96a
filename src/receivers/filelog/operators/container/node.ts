import type { FileSystem } from '../../../../core/file-system.ts';
import type { RecordWriter } from '../../encode/record-writer.ts';
import { copyValue, type Entry, type Value } from '../entry.ts';
import { readField, writeField, type Field } from '../field.ts';
import type { Node } from '../nodes.ts';
import type { ContainerParser } from './container-parser.ts';
import { kubernetesAttributes } from './kubernetes-path.ts';

export interface ContainerNodeOptions {
  readonly files: FileSystem;
  readonly parser: ContainerParser;
  readonly parseFrom: Field;
  readonly parseTo: Field;
  readonly addsMetadata: boolean;
  /** Where entries are written: its file is the one that is read now. */
  readonly out: RecordWriter;
  /** An entry without the format: counted; true when it is to be sent as it is. */
  readonly onFailure: (reason: string) => boolean;
}

/** Takes the format of a container runtime off entries, which `join` gets; `next` gets those without the format. */
export class ContainerNode implements Node {
  readonly #options: ContainerNodeOptions;
  readonly #join: Node;
  readonly #next: Node;
  /** The resource that was made last, and what it was made of. */
  #made = { path: '', base: NONE, resource: NONE };

  constructor(options: ContainerNodeOptions, nodes: { readonly join: Node; readonly next: Node }) {
    this.#options = options;
    this.#join = nodes.join;
    this.#next = nodes.next;
  }

  accept(entry: Entry): void {
    const { parser, parseFrom, parseTo, addsMetadata, onFailure } = this.#options;
    const text = readField(entry, parseFrom);
    const bytes = Buffer.from(typeof text === 'string' ? text : '', 'utf8');
    if (!parser.parse(bytes, 0, bytes.length)) {
      if (onFailure('the line has no format of a container runtime')) this.#next.accept(entry);
      return;
    }
    entry.body = parser.body.toString('utf8', parser.bodyStart, parser.bodyEnd);
    entry.time = { seconds: parser.seconds, nanos: parser.nanos };
    writeField(entry, parseTo, copyValue(new Map(parser.marks.attributes)));
    if (addsMetadata) this.#addMetadata(entry);
    this.#join.accept(entry);
  }

  #addMetadata(entry: Entry): void {
    const { files, out } = this.#options;
    const { path } = out.file;
    const { resource: base } = entry;
    if (path !== this.#made.path || base !== this.#made.base) {
      this.#made = { path, base, resource: new Map([...base, ...kubernetesAttributes(files, path)]) };
    }
    entry.resource = this.#made.resource;
  }
}

const NONE: ReadonlyMap<string, Value> = new Map();
