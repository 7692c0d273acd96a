import type { AdminPage, AdminPages } from '../core/admin.ts';

/** The admin pages of one service, in the order in which they came. */
export class AdminBook implements AdminPages {
  readonly #pages = new Map<string, AdminPage>();

  add(page: AdminPage): void {
    this.#pages.set(page.path, page);
  }

  list(): readonly AdminPage[] {
    return [...this.#pages.values()];
  }
}
