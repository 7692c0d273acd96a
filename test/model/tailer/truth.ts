import type { Batch } from '../../../src/core/batch.ts';
import { records, text } from '../../receivers/filelog/support.ts';

/**
 * What was written, and what of it arrived.
 *
 * Lines are made of tokens of one size, each of them unique, so that whatever a record holds says where it comes from:
 * a record is a run of tokens of one line, or it is mangled. Contents are what a file held between two truncations.
 */
export const TOKEN_BYTES = 32;
/** Tokens of a record at most: max_log_size is this many. */
export const CUT_TOKENS = 8;
/** The first line of files that begin alike. */
export const BANNER = 'the same first line in every file';

export interface Token {
  readonly content: Content;
  readonly line: number;
  readonly index: number;
  /** Place in the content. */
  readonly position: number;
  /** A record may end after it although the line goes on: what there was of the line was taken as it was. */
  mayEnd: boolean;
  isLast: boolean;
  required: boolean;
  arrived: number;
  /** Arrived since the last crash, or is in a checkpoint. */
  isAcked: boolean;
  /** How often it may arrive: once, and once more for each crash before it was in a checkpoint. */
  allowed: number;
}

export class Content {
  readonly banner: boolean;
  readonly tokens: Token[] = [];
  /** Tokens at the front that a checkpoint on disk covers. */
  safe = 0;
  /** The last life in which bytes of it were offered, which so had it open. */
  openIn = -1;
  /** Nothing leads to it any more: a descriptor that is open on it is all there is. */
  isDestroyed = false;
  /** Where a writer that was not told of a truncation goes on. */
  staleOffset = 0;
  isEmpty = true;

  constructor(banner: boolean) {
    this.banner = banner;
  }

  /** The last line has no end yet. */
  get isPartial(): boolean {
    return this.tokens.at(-1)?.isLast === false;
  }

  /** Tokens of whole lines that have to arrive and did not. */
  missing(): Token[] {
    return this.tokens.filter(({ required, arrived }) => required && arrived === 0);
  }

  forgive(): void {
    for (const token of this.tokens) if (token.arrived === 0) token.required = false;
  }
}

export class Truth {
  readonly contents: Content[] = [];
  readonly problems: string[] = [];
  readonly #tokens = new Map<string, Token>();
  readonly #offered = new WeakSet<Batch>();
  readonly #truncates: boolean;
  /** Banners at the end of a batch, whose file goes on in another one. */
  readonly #offeredBanners = { waiting: 0 };
  readonly #arrivedBanners = { waiting: 0 };
  #lines = 0;
  /** Arrivals of this turn of the event loop: their verdicts may not be booked yet. */
  #fresh = new Set<Token>();
  #life = 0;
  /** Position offered last, of each content, in this life. */
  #order = new Map<Content, number>();

  constructor(truncates: boolean) {
    this.#truncates = truncates;
  }

  content(banner: boolean): Content {
    const content = new Content(banner);
    this.contents.push(content);
    return content;
  }

  /** More tokens of the line that is being written, or of a new one; `ends` when the line ends with them. */
  write(content: Content, tokens: number, ends: boolean): string {
    const open = content.isPartial ? content.tokens.at(-1) : undefined;
    const line = open?.line ?? this.#lines++;
    const first = open === undefined ? 0 : open.index + 1;
    let text = '';
    for (let index = first; index < first + tokens; index++) text += this.#token(content, line, index);
    if (ends) this.end(content);
    return text;
  }

  /** The last line ends here. */
  end(content: Content): void {
    const last = content.tokens.at(-1);
    if (last !== undefined) last.isLast = true;
  }

  #token(content: Content, line: number, index: number): string {
    const text = `${String(line).padStart(6, '0')}.${String(index).padStart(3, '0')}`.padEnd(TOKEN_BYTES, '~');
    const required = !this.#truncates || index < CUT_TOKENS;
    const position = content.tokens.length;
    const token = {
      content,
      line,
      index,
      position,
      mayEnd: false,
      isLast: false,
      required,
      arrived: 0,
      isAcked: false,
      allowed: 1,
    };
    content.tokens.push(token);
    this.#tokens.set(text, token);
    return text;
  }

  /** What there is of unfinished lines may be taken as it is. */
  mayFlush(): void {
    for (const { tokens } of this.contents) {
      const last = tokens.at(-1);
      if (last !== undefined) last.mayEnd = true;
    }
  }

  /** A batch was offered: whole lines, nothing mangled, in the order in which they were written. */
  offer(batch: Batch): void {
    if (this.#offered.has(batch)) return;
    this.#offered.add(batch);
    this.#each(batch, this.#offeredBanners, (token) => {
      const { content, position } = token;
      const last = this.#order.get(content) ?? -1;
      if (position <= last) this.#problem(`${show(token)} was offered after position ${last} of its file`);
      this.#order.set(content, position);
      content.openIn = this.#life;
    });
  }

  arrive(batch: Batch): void {
    this.#each(batch, this.#arrivedBanners, (token) => {
      token.arrived += 1;
      token.isAcked = true;
      if (token.arrived > token.allowed) this.#problem(`${show(token)} arrived ${token.arrived} times`);
      if (this.#fresh.size === 0) setImmediate(() => this.#fresh.clear());
      this.#fresh.add(token);
    });
  }

  /** `banners` is kept from one batch to the next: a write that is read while it goes on may end after its banner. */
  #each(batch: Batch, banners: { waiting: number }, use: (token: Token) => void): void {
    let afterBanner = false;
    for (const { body } of records([batch])) {
      if (body === BANNER) {
        if (afterBanner) this.#problem('a banner was not followed by its file');
        afterBanner = true;
        continue;
      }
      const tokens = this.#parse(text(body));
      const [first] = tokens;
      if (first !== undefined) {
        const needsBanner = first.position === 0 && first.content.banner;
        if (needsBanner && !afterBanner && banners.waiting > 0) banners.waiting -= 1;
        else if (afterBanner !== needsBanner)
          this.#problem(`${show(first)} came ${afterBanner ? 'with' : 'without'} a banner`);
      }
      afterBanner = false;
      for (const token of tokens) use(token);
    }
    if (afterBanner) banners.waiting += 1;
  }

  /** The tokens of one record. */
  #parse(body: string): Token[] {
    const tokens: Token[] = [];
    for (let at = 0; at < body.length; at += TOKEN_BYTES) {
      const token = this.#tokens.get(body.slice(at, at + TOKEN_BYTES));
      const previous = tokens.at(-1);
      const follows = previous === undefined || (token?.line === previous.line && token.index === previous.index + 1);
      if (token === undefined || !follows) {
        this.#problem(`mangled: ${JSON.stringify(body.slice(0, 200))}`);
        return [];
      }
      tokens.push(token);
    }
    const last = tokens.at(-1);
    if (last === undefined || tokens.length > CUT_TOKENS) this.#problem(`a record of ${tokens.length} tokens`);
    else if (!last.isLast && !last.mayEnd && tokens.length < CUT_TOKENS) this.#problem(`torn off after ${show(last)}`);
    return tokens;
  }

  /** What a checkpoint that is being written now must cover at least: call the result when it is on disk. */
  checkpoint(): () => void {
    const covered = new Map<Content, number>();
    for (const content of this.contents) {
      const { tokens } = content;
      let at = content.safe;
      for (let token = tokens[at]; token !== undefined && this.#isBooked(token); token = tokens[at]) at++;
      covered.set(content, at);
    }
    return () => {
      for (const [content, at] of covered) content.safe = Math.max(content.safe, at);
    };
  }

  #isBooked(token: Token): boolean {
    return (token.isAcked && !this.#fresh.has(token)) || (this.#truncates && token.index >= CUT_TOKENS);
  }

  /** A life begins. */
  begin(): void {
    this.#life += 1;
    this.#order = new Map();
  }

  isOpen(content: Content): boolean {
    return content.openIn === this.#life;
  }

  /** Everything that arrived is acknowledged and in the checkpoint; what only descriptors led to is gone. */
  ended(): void {
    this.#fresh.clear();
    this.checkpoint()();
    for (const content of this.contents) if (content.isDestroyed) content.forgive();
  }

  /** What was not in the checkpoint may come again; what only descriptors led to is gone. */
  crashed(): void {
    for (const content of this.contents) {
      for (const token of content.tokens.slice(content.safe)) {
        if (token.arrived > 0) token.allowed = token.arrived + 1;
        token.isAcked = false;
      }
      if (content.isDestroyed) content.forgive();
    }
  }

  /** Some of what has to arrive and did not; the last line of a file counts when it has its end. */
  missing(): string[] {
    return this.contents.flatMap((content) => content.missing().filter((token) => isWhole(token))).map(show);
  }

  #problem(text: string): void {
    if (this.problems.length < 10) this.problems.push(text);
  }
}

/** False for the tokens of a line without its end. */
export function isWhole({ content, line }: Token): boolean {
  const last = content.tokens.at(-1);
  return last === undefined || last.line !== line || last.isLast;
}

function show({ content, line, index, position }: Token): string {
  const state = content.isDestroyed ? 'destroyed ' : '';
  return `line ${line} token ${index} (position ${position} of a ${state}file of ${content.tokens.length})`;
}
