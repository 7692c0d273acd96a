import { isTaken, type Placeholder } from './placeholders.ts';

/** A part of a text that is taken out. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** What has to stand around the placeholder, where the value is no text. */
  readonly quote: string;
}

/** In order of their place, and apart from each other. */
export class Spans {
  readonly #list: Span[] = [];

  add(start: number, end: number, quote = ''): void {
    if (end > start && start >= (this.#list.at(-1)?.end ?? 0)) this.#list.push({ start, end, quote });
  }

  /** The text with placeholders in their places. */
  replace(text: string, placeholder: Placeholder): string {
    const parts: string[] = [];
    let from = 0;
    for (const { start, end, quote } of this.#list) {
      const value = text.slice(start, end);
      parts.push(text.slice(from, start), isTaken(value) ? value : `${quote}${placeholder(value)}${quote}`);
      from = end;
    }
    return from === 0 ? text : parts.join('') + text.slice(from);
  }
}
