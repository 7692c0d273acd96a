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

  /** What stands from `cut` on, with placeholders in their places. */
  replace(text: string, placeholder: Placeholder, cut: number): string {
    const parts: string[] = [];
    let from = cut;
    for (const { start, end, quote } of this.#list) {
      if (end <= cut) continue;
      const value = text.slice(Math.max(start, cut), end);
      parts.push(text.slice(from, start), isTaken(value) ? value : `${quote}${placeholder(value)}${quote}`);
      from = end;
    }
    return parts.join('') + text.slice(from);
  }
}
