import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { Life, soon, type Mode } from './life.ts';
import { BANNER, CUT_TOKENS, isWhole, TOKEN_BYTES, Truth, type Content } from './truth.ts';

export interface Variant {
  /** Do the patterns match rotated names too? */
  readonly matchesRotated: boolean;
  readonly banner: boolean;
  readonly fewOpen: boolean;
  readonly truncates: boolean;
  readonly flushes: boolean;
}

export type Style = 'plain' | 'long' | 'crlf' | 'blank' | 'bulk';

/** `hasty`: does not wait until what it destroys was read. */
export type Step =
  | {
      readonly do: 'write';
      readonly place: number;
      readonly style: Style;
      readonly lines: number;
      readonly partial: boolean;
    }
  | { readonly do: 'rotate'; readonly place: number; readonly create: boolean }
  | { readonly do: 'late'; readonly place: number }
  | { readonly do: 'copytruncate'; readonly place: number; readonly stale: boolean; readonly hasty: boolean }
  | { readonly do: 'truncate'; readonly place: number; readonly regrow: boolean; readonly hasty: boolean }
  | { readonly do: 'delete'; readonly place: number; readonly hasty: boolean }
  | { readonly do: 'rewrite'; readonly place: number; readonly hasty: boolean }
  | { readonly do: 'mode'; readonly mode: Mode }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'turns'; readonly count: number }
  | { readonly do: 'settle' }
  | { readonly do: 'checkpoint' }
  | { readonly do: 'stop' }
  | { readonly do: 'kill'; readonly torn: boolean }
  | { readonly do: 'start' };

interface Place {
  readonly path: string;
  live: Content | undefined;
  /** Youngest first. */
  readonly rotated: { path: string; content: Content }[];
}

const KEPT_ROTATIONS = 3;
/** Waiting longer than this for a line means that it is missing. */
const PATIENCE_MS = 60_000;

/** Real directories and files, a receiver that lives and dies, and the truth about them. */
export class World {
  readonly #variant: Variant;
  readonly #root: string;
  readonly #truth: Truth;
  readonly #places: readonly Place[];
  #life: Life | undefined;
  #mode: Mode = 'accept';
  #copies = 0;

  constructor(variant: Variant) {
    this.#variant = variant;
    this.#truth = new Truth(variant.truncates);
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'tailer-')));
    this.#places = ['a', 'b'].map((name) => {
      mkdirSync(join(this.#root, name));
      return { path: join(this.#root, name, 'app.log'), live: undefined, rotated: [] };
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      await this.#start();
      for (const step of steps) {
        await this.#do(step);
        assert.deepEqual(this.#truth.problems, []);
      }
      await this.#finish();
    } finally {
      await this.#life?.kill(false);
      rmSync(this.#root, { recursive: true, force: true });
    }
  }

  /** Lines get their ends, everything is accepted: now everything has to be there. */
  async #finish(): Promise<void> {
    this.#setMode('accept');
    if (this.#life === undefined) await this.#start();
    for (const { path, live, rotated } of this.#places) {
      for (const file of [...rotated, ...(live === undefined ? [] : [{ path, content: live }])]) this.#endLine(file);
    }
    await this.#settle();
    await this.#stop();
    assert.deepEqual(this.#truth.problems, []);
    assert.deepEqual(this.#truth.missing().slice(0, 5), [], 'missing after the stop');
  }

  #endLine({ path, content }: { path: string; content: Content }): void {
    if (!content.isPartial) return;
    this.#truth.end(content);
    this.#append(path, content, '\n');
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'write': {
        this.#write(this.#place(step.place), step.style, step.lines, step.partial);
        return;
      }
      case 'rotate':
        return this.#rotate(this.#place(step.place), step.create);
      case 'late': {
        this.#late(this.#place(step.place));
        return;
      }
      case 'copytruncate':
        return this.#copyTruncate(this.#place(step.place), step.stale, step.hasty);
      case 'truncate':
        return this.#truncate(this.#place(step.place), step.regrow, step.hasty);
      case 'delete':
        return this.#delete(this.#place(step.place), step.hasty);
      case 'rewrite':
        return this.#rewrite(this.#place(step.place), step.hasty);
      case 'mode':
        this.#setMode(step.mode);
        return;
      case 'release':
        this.#life?.release(step.pick);
        return;
      case 'turns':
        for (let turn = 0; turn < step.count; turn++) await setImmediate();
        return;
      case 'settle':
        if (this.#life !== undefined && this.#mode === 'accept') await this.#settle();
        return;
      case 'checkpoint':
        return this.#life?.checkpointed();
      case 'stop':
        return this.#stop();
      case 'kill':
        return this.#kill(step.torn);
      case 'start':
        if (this.#life === undefined) await this.#start();
    }
  }

  // The receiver.

  async #start(): Promise<void> {
    const { matchesRotated, fewOpen, truncates, flushes } = this.#variant;
    this.#life = new Life(this.#truth, join(this.#root, 'state'), this.#mode);
    await this.#life.start({
      include: [join(this.#root, '*', matchesRotated ? 'app.log*' : 'app.log')],
      start_at: 'beginning',
      poll_interval: '1ms',
      max_log_size: CUT_TOKENS * TOKEN_BYTES,
      max_log_size_behavior: truncates ? 'truncate' : 'split',
      force_flush_period: flushes ? '20ms' : 0,
      ...(fewOpen ? { max_concurrent_files: 2 } : {}),
    });
  }

  async #stop(): Promise<void> {
    if (this.#life === undefined) return;
    this.#truth.mayFlush();
    await this.#life.stop();
    this.#life = undefined;
    // Descriptors were all that led to these; a stop that nothing holds up reads them to their ends.
    const destroyed = this.#truth.contents.filter(({ isDestroyed }) => isDestroyed);
    const missing = destroyed.flatMap((content) => content.missing());
    if (this.#mode === 'accept') assert.equal(missing.length, 0, `lost by the stop: ${missing[0]?.line}`);
    this.#truth.ended();
  }

  async #kill(torn: boolean): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.kill(torn);
  }

  #setMode(mode: Mode): void {
    this.#mode = mode;
    if (this.#life === undefined) return;
    this.#life.mode = mode;
    if (mode !== 'hold') this.#life.releaseAll();
  }

  async #settle(of?: Content): Promise<void> {
    const missing = (): string[] =>
      of === undefined
        ? this.#truth.missing()
        : of
            .missing()
            .filter(isWhole)
            .map(({ line }) => `line ${line}`);
    const isThere = await soon(() => missing().length === 0 || this.#truth.problems.length > 0, PATIENCE_MS);
    assert.deepEqual(this.#truth.problems, []);
    assert.ok(isThere, `missing: ${missing().slice(0, 5).join(', ')}`);
  }

  // The files.

  #place(index: number): Place {
    const place = this.#places[index % this.#places.length];
    if (place === undefined) throw new Error('no place');
    return place;
  }

  #write(place: Place, style: Style, lines: number, partial: boolean): void {
    place.live ??= this.#truth.content(this.#variant.banner);
    const text = this.#text(place.live, style, lines, partial);
    this.#append(place.path, place.live, text);
    if (this.#variant.flushes) this.#truth.mayFlush();
  }

  #text(content: Content, style: Style, lines: number, partial: boolean): string {
    const end = style === 'crlf' ? '\r\n' : style === 'blank' ? '\n\n \n' : '\n';
    let text = content.isEmpty && content.banner ? `${BANNER}\n` : '';
    const count = style === 'bulk' ? 900 * lines : lines;
    for (let n = 0; n < count; n++) {
      const tokens = style === 'long' ? 9 + ((n + lines) % 3) * 8 : 1 + (n % 5);
      text += this.#truth.write(content, tokens, true) + end;
    }
    if (partial) text += this.#truth.write(content, 1 + (lines % 2) * 9, false);
    content.isEmpty = false;
    return text;
  }

  #append(path: string, content: Content, text: string): void {
    if (content.staleOffset === 0) {
      appendFileSync(path, text);
      return;
    }
    const fd = openSync(path, 'r+');
    writeSync(fd, text, content.staleOffset);
    closeSync(fd);
    content.staleOffset += Buffer.byteLength(text);
  }

  async #rotate(place: Place, create: boolean): Promise<void> {
    if (place.live === undefined) return;
    const oldest = place.rotated[KEPT_ROTATIONS - 1];
    if (oldest !== undefined) {
      await this.#destroy(oldest.content, false, false);
      unlinkSync(oldest.path);
      place.rotated.pop();
    }
    for (const [age, file] of [...place.rotated.entries()].reverse()) {
      const path = `${place.path}.${age + 2}`;
      renameSync(file.path, path);
      file.path = path;
    }
    renameSync(place.path, `${place.path}.1`);
    place.rotated.unshift({ path: `${place.path}.1`, content: place.live });
    place.live = create ? this.#truth.content(this.#variant.banner) : undefined;
    if (create) writeFileSync(place.path, '');
  }

  /** A writer that was not told of the rotation. */
  #late(place: Place): void {
    const [file] = place.rotated;
    if (file !== undefined) this.#append(file.path, file.content, this.#text(file.content, 'plain', 2, false));
  }

  async #copyTruncate(place: Place, stale: boolean, hasty: boolean): Promise<void> {
    const { live, path } = place;
    if (live === undefined) return;
    const { matchesRotated } = this.#variant;
    await this.#destroy(live, hasty, matchesRotated);
    // A copy that matches would be a file of its own.
    copyFileSync(path, matchesRotated ? join(path, '..', `archive-${this.#copies++}`) : `${path}-${this.#copies++}`);
    const { size } = statSync(path);
    truncateSync(path, 0);
    place.live = this.#truth.content(this.#variant.banner);
    if (stale) place.live.staleOffset = size;
  }

  async #truncate(place: Place, regrow: boolean, hasty: boolean): Promise<void> {
    if (place.live === undefined) return;
    await this.#destroy(place.live, hasty, true);
    const { size } = statSync(place.path);
    truncateSync(place.path, 0);
    place.live = this.#truth.content(this.#variant.banner);
    if (!regrow) return;
    do this.#write(place, 'plain', 5, false);
    while (statSync(place.path).size <= size);
  }

  async #delete(place: Place, hasty: boolean): Promise<void> {
    if (place.live === undefined || !existsSync(place.path)) return;
    await this.#destroy(place.live, hasty, false);
    unlinkSync(place.path);
    place.live = undefined;
  }

  async #rewrite(place: Place, hasty: boolean): Promise<void> {
    if (place.live !== undefined) await this.#destroy(place.live, hasty, false);
    place.live = this.#truth.content(this.#variant.banner);
    const temporary = join(place.path, '..', 'rewriting');
    writeFileSync(temporary, this.#text(place.live, 'plain', 3, false));
    renameSync(temporary, place.path);
  }

  /** Before a content goes. What is not read by then is lost with its bytes, or lives on in an open descriptor. */
  async #destroy(content: Content, hasty: boolean, bytesGo: boolean): Promise<void> {
    const isUp = this.#life !== undefined;
    if (isUp && !hasty && this.#mode === 'accept') await this.#settle(content);
    else if (!isUp || bytesGo || this.#variant.fewOpen || !this.#truth.isOpen(content)) content.forgive();
    for (const token of content.tokens) if (!isWhole(token)) token.required = false;
    content.isDestroyed = true;
  }
}
