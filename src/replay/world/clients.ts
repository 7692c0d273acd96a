import { sleep, type Clock } from '../../core/clock.ts';
import type { OtlpTransport, TakeRequest } from '../../core/outside.ts';
import type { RequestEvent } from '../input.ts';

/** As SDKs do: a request that is refused for now is sent again for this long. */
const RETRY_FOR_MS = 60_000;

/** Clients wait for an answer as long as it takes: a stop answers all that is under way. */
const NEVER = new AbortController().signal;

interface Service {
  readonly receiverId: string;
  readonly transport: OtlpTransport;
  readonly take: TakeRequest;
}

/** How the requests of a fixture ended, counted. */
export interface ClientBooks {
  /** Requests that were answered, by the outcome of the last answer. */
  readonly answers: Map<string, number>;
  /** Answers after which the client waited and sent again. */
  retries: number;
  /** Requests that no receiver of the configuration is there for, by the receiver that they were recorded at. */
  readonly unreceived: Map<string, number>;
}

/** The applications that send OTLP: one request at its time, again where the answer says so. */
export class Clients {
  readonly books: ClientBooks = { answers: new Map(), retries: 0, unreceived: new Map() };
  readonly #clock: Clock;
  readonly #services = new Set<Service>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #leaving = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  serve(receiverId: string, transport: OtlpTransport, take: TakeRequest): { close(): void } {
    const service = { receiverId, transport, take };
    this.#services.add(service);
    return { close: () => void this.#services.delete(service) };
  }

  /** Sends a request; what becomes of it is in the books. */
  send(event: RequestEvent): void {
    const sent = this.#send(event).finally(() => this.#underWay.delete(sent));
    this.#underWay.add(sent);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Nothing is sent again any more. */
  leave(): void {
    this.#leaving.abort();
  }

  async #send(event: RequestEvent): Promise<void> {
    const untilMs = this.#clock.monotonic() + RETRY_FOR_MS;
    for (;;) {
      const service = this.#find(event);
      if (service === undefined) {
        add(this.books.unreceived, `${event.receiver} (${event.transport})`);
        return;
      }
      // The receiver may write over what it took, and a refused request is sent as it was.
      const { outcome, retryAfterMs } = await service.take(
        event.signal,
        new Uint8Array(event.bytes),
        event.headers,
        NEVER,
      );
      const isOver = retryAfterMs === undefined || this.#clock.monotonic() + retryAfterMs > untilMs;
      if (isOver || !(await sleep(this.#clock, retryAfterMs, this.#leaving.signal))) {
        add(this.books.answers, outcome);
        return;
      }
      this.books.retries += 1;
    }
  }

  /** The receiver that it was recorded at; where the configuration calls it otherwise, the first that would do. */
  #find({ receiver, transport }: RequestEvent): Service | undefined {
    const services = [...this.#services];
    return (
      services.find((one) => one.receiverId === receiver && one.transport === transport) ??
      services.find((one) => one.receiverId === receiver) ??
      services.find((one) => one.transport === transport) ??
      services[0]
    );
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
