/** Pages by which an operator looks at a running process and changes what may be changed; the `admin` extension serves them. */
export type AdminMethod = 'GET' | 'POST' | 'DELETE';

export interface AdminRequest {
  readonly method: AdminMethod;
  /** What follows the page's own path, without the slash between them; empty for the page itself. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** The body as parsed JSON; undefined when there was none. */
  readonly body: unknown;
}

export interface AdminAnswer {
  readonly status: number;
  /** Sent as JSON. Of an error: `error` in one plain sentence, and `advice` where there is some. */
  readonly body: object;
  /** The same for people, made when a browser asks. */
  readonly html?: () => HtmlPage;
}

/** A whole document that needs nothing else: no script in it runs, and nothing that it names is fetched. */
export interface HtmlPage {
  /** What its `<body>` holds. Whoever makes it escapes what came from outside. */
  readonly body: string;
  readonly title: string;
  /** The one stylesheet that is applied. */
  readonly style: string;
}

export interface AdminPage {
  /** Such as `/bypass`; requests below it (`/bypass/x`) come here too unless another page is closer. */
  readonly path: string;
  readonly summary: string;
  readonly methods: readonly AdminMethod[];
  /** GET changes nothing. A throw is a bug and answered with 500. */
  answer(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

/** The pages of one service; there may be some although nothing serves them. */
export interface AdminPages {
  /** A second page of the same path takes the place of the first. */
  add(page: AdminPage): void;
  list(): readonly AdminPage[];
}

export function adminError(status: number, error: string, advice?: string): AdminAnswer {
  return { status, body: advice === undefined ? { error } : { error, advice } };
}
