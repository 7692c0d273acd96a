import type { Bits56 } from '../../otlp/sampling/bits56.ts';
import type { Threshold } from '../../otlp/sampling/threshold.ts';
import type { Cursor } from '../../otlp/wire.ts';
import type { ByteHash } from './byte-hash.ts';

/** What an item says of how it was sampled before. Reused: valid until the next item. */
export interface Arrival {
  readonly hasThreshold: boolean;
  readonly threshold: Threshold;
  /** Set where it is not that of the trace id. */
  readonly hasRandomness: boolean;
  readonly randomness: Bits56;
  /** It cannot be read, and is left as it is. */
  readonly isMalformed: boolean;
}

/** Reads items of one signal, one after the other. All that it says is valid until the next call. */
export interface ItemReader {
  /** The ResourceX that `at` stands on; its items follow. */
  readResource(at: Cursor): void;
  /** The span or log record that `at` stands on. Throws payload_malformed. */
  read(at: Cursor): void;
  /** Where the 16 bytes of the trace id stand; -1 when it is absent, all zero or of another length. */
  readonly traceIdAt: number;
  /** The request that is read. */
  readonly view: DataView;
  /** An error, or slow. */
  readonly isPriority: boolean;
  /** Undefined when it says nothing. */
  readonly arrival: Arrival | undefined;
  hashKey(hash: ByteHash): void;
  keyText(): string;
  /** Lets go of the request. */
  release(): void;
}
