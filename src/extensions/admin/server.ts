import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Extension, ExtensionContext } from '../../core/component.ts';
import { asError } from '../../core/errors.ts';
import { createServer } from '../../net/http/node-http.ts';
import { endpointText, listen, type ListenAddress } from '../../net/listen.ts';
import { refusalOf, type GuardOptions } from './guard.ts';
import { prefersHtml } from './prefers-html.ts';
import { route } from './router.ts';
import { send } from './send.ts';

const MAX_CONNECTIONS = 32;

/** Serves the pages of the service to whoever may ask. A connection is closed after its answer: nobody comes often. */
export class AdminServer implements Extension {
  readonly #context: ExtensionContext;
  readonly #address: ListenAddress;
  readonly #guard: GuardOptions;
  #server: Server | undefined;

  constructor(context: ExtensionContext, address: ListenAddress, guard: GuardOptions) {
    this.#context = context;
    this.#address = address;
    this.#guard = guard;
  }

  async start(): Promise<void> {
    const server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 5000, maxHeaderSize: 16_384 },
      (request, response) => {
        this.#serve(request, response).catch((error: unknown) => {
          this.#context.log.error('An admin request failed inside.', { error: asError(error).stack });
          response.destroy();
        });
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.on('clientError', (_error, socket) => void socket.destroy());
    this.#server = server;
    const bound = await listen(server, this.#address);
    this.#context.log.info('The admin pages are served.', { endpoint: endpointText(bound) });
  }

  stop(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', ignore);
    response.on('error', ignore);
    const refusal = refusalOf(request, this.#guard);
    const answer = refusal ?? (await route(request, this.#context.host.admin, this.#context.log));
    send(response, answer, prefersHtml(request));
  }
}

function ignore(): void {
  // The client is gone; its connection closes, and that is what counts.
}
