import { sleep, type Clock } from '../../core/clock.ts';
import { RemoraError } from '../../core/errors.ts';
import type { OtlpTransport, TakeRequest } from '../../core/outside.ts';
import type { RequestEvent } from '../input.ts';

/** As SDKs do: a request that is refused for now is sent again for this long. */
const RETRY_FOR_MS = 60_000;

/** Of all requests that wait for an answer or to be sent again. */
const MAX_UNDER_WAY_BYTES = 512 * 2 ** 20;

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
  /** Requests that a receiver has, and did not answer yet. */
  underWay: number;
}

/** The applications that send OTLP: one request at its time, again where the answer says so. */
export class Clients {
  readonly books: ClientBooks = { answers: new Map(), retries: 0, unreceived: new Map(), underWay: 0 };
  readonly #clock: Clock;
  readonly #services = new Set<Service>();
  readonly #leaving = new AbortController();
  #underWayBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  serve(receiverId: string, transport: OtlpTransport, take: TakeRequest): { close(): void } {
    const service = { receiverId, transport, take };
    this.#services.add(service);
    return { close: () => void this.#services.delete(service) };
  }

  /**
   * Sends a request; what becomes of it is in the books. Throws `fixture_invalid` where the configuration takes requests, and
   * not such as this one, and where more is under way than there is room for.
   */
  send(event: RequestEvent): void {
    const service = this.#serviceOf(event);
    if (service === undefined) add(this.books.unreceived, `${event.receiver} (${event.transport})`);
    else {
      this.#underWayBytes += event.bytes.length;
      if (this.#underWayBytes > MAX_UNDER_WAY_BYTES) throw tooMuch(event);
      this.books.underWay += 1;
      void this.#send(event, service).finally(() => {
        this.#underWayBytes -= event.bytes.length;
        this.books.underWay -= 1;
      });
    }
  }

  /** Nothing is sent again any more. */
  leave(): void {
    this.#leaving.abort();
  }

  async #send(event: RequestEvent, service: Service): Promise<void> {
    const untilMs = this.#clock.monotonic() + RETRY_FOR_MS;
    for (;;) {
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

  /**
   * The receiver that it was recorded at; where the configuration has none of this name, the one with this transport, unless
   * there are several. Undefined where the configuration takes no requests at all.
   */
  #serviceOf(event: RequestEvent): Service | undefined {
    const { receiver, transport } = event;
    if (this.#services.size === 0) return undefined;
    const services = [...this.#services];
    const named = services.filter(({ receiverId }) => receiverId === receiver);
    const like = (named.length > 0 ? named : services).filter((one) => one.transport === transport);
    const [only, ...others] = like;
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined)
      throw unreceivable(event, `there is no "${receiver}", and several would do: ${namesOf(like)}`);
    if (named.length > 0) throw unreceivable(event, `it takes no requests over ${transport}, only ${namesOf(named)}`);
    throw unreceivable(event, `nothing takes requests over ${transport}, only ${namesOf(services)}`);
  }
}

function namesOf(services: readonly Service[]): string {
  return services.map(({ receiverId, transport }) => `${receiverId} over ${transport}`).join(', ');
}

function unreceivable({ receiver, where = 'the input' }: RequestEvent, why: string): RemoraError {
  const message = `${where}: goes to the receiver "${receiver}"; in this configuration ${why}`;
  return new RemoraError('fixture_invalid', message);
}

function tooMuch({ where = 'the input' }: RequestEvent): RemoraError {
  const message = `${where}: requests of more than ${MAX_UNDER_WAY_BYTES} bytes wait for an answer or to be sent again`;
  return new RemoraError('fixture_invalid', message);
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
