import { AttributeList } from '../../otlp/attribute-list.ts';
import { REQUEST, RESOURCE, RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';
import { labelBytes, putLabel } from './label-text.ts';
import type { Group } from './workbench.ts';

/** Writes metrics that leave their resource: under a copy of it and of their scope, with further attributes. */
export class GroupWriter {
  readonly #attributes = new AttributeList();
  readonly #part = new Cursor();
  readonly #inner = new Cursor();

  /** `resource` and `scope` stand on the ResourceMetrics and the ScopeMetrics that the metrics are of. */
  write(writer: Writer, group: Group, resource: Cursor, scope: Cursor): void {
    const field = writer.begin(REQUEST.resources);
    this.#resource(writer, group, resource);
    const scopeField = writer.begin(RESOURCE_X.scopes);
    for (this.#part.enter(scope); this.#part.next();) {
      if (this.#part.field !== SCOPE_X.items) writer.raw(this.#part.bytes, this.#part.tagStart, this.#part.end);
    }
    for (const metric of group.metrics) metric.write(writer);
    writer.end(scopeField);
    writer.end(field);
  }

  /** Everything of the ResourceMetrics but its scopes. */
  #resource(writer: Writer, { labels }: Group, resource: Cursor): void {
    const attributes = this.#attributes;
    attributes.reset(RESOURCE.attributes);
    for (this.#part.enter(resource); this.#part.next();) {
      if (this.#isResource()) attributes.load(this.#part.bytes, this.#part.start, this.#part.end);
    }
    for (const [label, value] of labels) putLabel(attributes, Buffer.from(label), labelBytes(label, value));
    const field = writer.begin(RESOURCE_X.resource);
    for (this.#part.enter(resource); this.#part.next();) if (this.#isResource()) this.#copyOthers(writer);
    attributes.write(writer);
    writer.end(field);
    for (this.#part.enter(resource); this.#part.next();) {
      const isCopied = this.#part.field !== RESOURCE_X.scopes && !this.#isResource();
      if (isCopied) writer.raw(this.#part.bytes, this.#part.tagStart, this.#part.end);
    }
  }

  #isResource(): boolean {
    return this.#part.field === RESOURCE_X.resource && this.#part.wireType === LEN;
  }

  #copyOthers(writer: Writer): void {
    for (this.#inner.enter(this.#part); this.#inner.next();) {
      if (this.#inner.field !== RESOURCE.attributes) {
        writer.raw(this.#inner.bytes, this.#inner.tagStart, this.#inner.end);
      }
    }
  }

  release(): void {
    this.#attributes.release();
    this.#part.reset(EMPTY, 0, 0);
    this.#inner.reset(EMPTY, 0, 0);
  }
}

const EMPTY = new Uint8Array(0);
