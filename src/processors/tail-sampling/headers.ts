/** What surrounds spans: a ResourceSpans without its scopes, as latin1 text of its bytes. */
export interface ResourceHeader {
  readonly fields: string;
  readonly scopes: Map<string, ScopeHeader>;
}

/** A ScopeSpans without its spans, inside its ResourceSpans. */
export interface ScopeHeader {
  readonly reference: number;
  readonly resource: ResourceHeader;
  readonly fields: string;
  /** Spans in the buffer that are under it. */
  spans: number;
}

/** Of the objects and tables around the text of one. */
export const RESOURCE_BYTES = 400;
export const SCOPE_BYTES = 200;

/**
 * Every header once, however many spans are under it, for as long as there is one. Text of one byte a character is the
 * most compact key that a Map takes, and it is the content too.
 *
 * Invariant: `byReference[scope.reference]` is `scope` as long as it has spans; a resource is there
 * as long as one of its scopes is.
 */
export class Headers {
  readonly #resources = new Map<string, ResourceHeader>();
  readonly #byReference: (ScopeHeader | undefined)[] = [];
  readonly #free: number[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** The caller raises its `spans` at once. */
  intern(resourceFields: string, scopeFields: string): ScopeHeader {
    let resource = this.#resources.get(resourceFields);
    if (resource === undefined) {
      resource = { fields: resourceFields, scopes: new Map() };
      this.#resources.set(resourceFields, resource);
      this.#bytes += RESOURCE_BYTES + resourceFields.length;
    }
    return resource.scopes.get(scopeFields) ?? this.#addScope(resource, scopeFields);
  }

  #addScope(resource: ResourceHeader, fields: string): ScopeHeader {
    const reference = this.#free.pop() ?? this.#byReference.length;
    const scope: ScopeHeader = { reference, resource, fields, spans: 0 };
    this.#byReference[reference] = scope;
    resource.scopes.set(fields, scope);
    this.#bytes += SCOPE_BYTES + fields.length;
    return scope;
  }

  mustFind(reference: number): ScopeHeader {
    const scope = this.#byReference[reference];
    if (scope === undefined) throw new Error('BUG: a span under a header that is not there.');
    return scope;
  }

  release(scope: ScopeHeader, spans: number): void {
    scope.spans -= spans;
    if (scope.spans > 0) return;
    const { resource, reference, fields } = scope;
    this.#byReference[reference] = undefined;
    this.#free.push(reference);
    resource.scopes.delete(fields);
    this.#bytes -= SCOPE_BYTES + fields.length;
    if (resource.scopes.size > 0) return;
    this.#resources.delete(resource.fields);
    this.#bytes -= RESOURCE_BYTES + resource.fields.length;
  }
}
