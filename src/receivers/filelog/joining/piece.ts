/** What a piece is cut out of: an open file, which keeps the pieces that are not settled yet. */
export interface PieceOwner {
  readonly held: Set<Piece>;
}

/**
 * A run of bytes of a file that was read, but whose record is not written yet: it waits for further lines.
 *
 * Reading goes on behind it, so the checkpoint has to name it: after a restart it is read again, and waits again. It is
 * `noted` when a turn of its file ends while it still waits, and settled when the batch with its record is settled.
 *
 *   0 ......... [ piece ) .... [ piece ) ..... acked
 *     settled     waits          waits
 */
export class Piece {
  readonly file: PieceOwner;
  readonly start: number;
  /** Behind the line end. Fixed once the piece is noted. */
  end: number;
  /** That of the content that it is from: its file may get another one. */
  #among: Set<Piece> | undefined;

  constructor(file: PieceOwner, start: number, end: number) {
    this.file = file;
    this.start = start;
    this.end = end;
  }

  get isNoted(): boolean {
    return this.#among !== undefined;
  }

  /** Idempotent. */
  note(): void {
    if (this.#among !== undefined) return;
    this.#among = this.file.held;
    this.#among.add(this);
  }

  settle(): void {
    this.#among?.delete(this);
  }
}

/** Adds a line to the pieces that it continues. */
export function extendPieces(pieces: Piece[], file: PieceOwner, start: number, end: number): void {
  const last = pieces.at(-1);
  if (last?.end === start && last.file === file && !last.isNoted) last.end = end;
  else pieces.push(new Piece(file, start, end));
}
