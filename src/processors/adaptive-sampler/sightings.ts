/** What was seen of an item, as bits. */
export const HAS_TRACE = 1;
export const HAS_STATE = 2;
export const CAME_WITH_THRESHOLD = 4;
export const HAS_RANDOMNESS = 8;
export const NO_RANDOMNESS = 16;
export const MALFORMED = 32;
/** Those of an item that is not decided as most are. */
export const UNUSUAL = CAME_WITH_THRESHOLD | HAS_RANDOMNESS | NO_RANDOMNESS | MALFORMED;

export const DROP = 0;
export const KEEP_AS_IS = 1;
/** Keep, and write the threshold; erase it where that keeps all. */
export const KEEP_CHANGED = 2;

/** What the items of one batch are, in their order, as columns: written by the first walk, read by the second. */
export class Sightings {
  count = 0;
  /** Items up to the end of each chunk. */
  readonly chunkEnds: number[] = [];
  flow = new Int32Array(0);
  amount = new Float64Array(0);
  bits = new Uint8Array(0);
  /** Where the trace id stands in its chunk, and its last 8 bytes. */
  traceIdAt = new Int32Array(0);
  idHigh = new Int32Array(0);
  idLow = new Int32Array(0);
  /** Meaningful where it is not that of the trace id. */
  randomnessHigh = new Uint32Array(0);
  randomnessLow = new Uint32Array(0);
  /** That it came with; once it is decided, that it leaves with. */
  thresholdHigh = new Uint32Array(0);
  thresholdLow = new Uint32Array(0);
  /** Upper 32 bits of the threshold that is asked of it, without what it came with. */
  asked = new Int32Array(0);
  /** In the memory of traces; -1 when it is not there. */
  place = new Int32Array(0);
  outcome = new Uint8Array(0);

  /** Makes room for this many, and forgets all. */
  begin(items: number): void {
    this.count = 0;
    this.chunkEnds.length = 0;
    if (items > this.flow.length) this.#make(Math.max(1024, items));
    else if (this.flow.length > KEPT_ITEMS && items < KEPT_ITEMS) this.#make(KEPT_ITEMS);
  }

  #make(items: number): void {
    this.flow = new Int32Array(items);
    this.amount = new Float64Array(items);
    this.bits = new Uint8Array(items);
    this.traceIdAt = new Int32Array(items);
    this.idHigh = new Int32Array(items);
    this.idLow = new Int32Array(items);
    this.randomnessHigh = new Uint32Array(items);
    this.randomnessLow = new Uint32Array(items);
    this.thresholdHigh = new Uint32Array(items);
    this.thresholdLow = new Uint32Array(items);
    this.asked = new Int32Array(items);
    this.place = new Int32Array(items);
    this.outcome = new Uint8Array(items);
  }
}

/** Columns that grew longer for one batch are not kept. */
const KEPT_ITEMS = 16_384;
