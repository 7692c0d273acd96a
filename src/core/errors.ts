/**
 * Every error that a user or an operator can meet, by its stable code. The text is the advice that is printed with it;
 * docs and dashboards may rely on the codes.
 */
export const ERROR_ADVICE = {
  config_invalid: 'Correct the configuration at the place named; `remora validate` lists every problem at once.',
  config_unreadable: 'Check that the file exists and that this user may read it.',
  payload_malformed: 'The sender produced bytes that are not the OTLP message it announced; check its SDK or proxy.',
  payload_too_deep: 'The sender nests attribute values more than 50 levels deep; flatten them.',
  payload_too_large:
    'Send smaller requests, or raise the limit: max_request_body_size or max_recv_msg_size_mib of the receiver, max_request_bytes of the exporter.',
  queue_full: 'The upstream takes less than arrives. Check it, or raise sending_queue.queue_size.',
  item_too_large:
    'One request is larger than the whole queue. Raise sending_queue.queue_size or send smaller requests.',
  rate_limited: 'More arrives than the rate limit lets through. Send less, or raise the limit of this tenant.',
  memory_limited:
    'Memory is above the soft limit. Check the upstream, or raise the limits: service.memory, memory_limiter.',
  overloaded: 'More arrives than this process has CPU for. Give it more, or send less; senders should retry.',
  admission_full: 'Too many bytes are being received at once. Retry, or raise the memory budget.',
  shutting_down: 'This instance is stopping; the sender should retry, another one will answer.',
  listen_failed:
    'Another process may hold the address, or this user may not use it; change endpoint, or stop the other process.',
  upstream_unavailable: 'The upstream did not answer or asked to wait; the data is kept and sent again.',
  upstream_rejected: 'The upstream refused the data for good; its message says why.',
  upstream_partial: 'The upstream took part of the data; its message says why.',
  fault_injected:
    'The fault_injection extension refused the data on purpose; end the fault, or take the extension out of service.extensions.',
  upstream_response_too_large: 'The upstream answered with more than 4 MiB; check that it is an OTLP endpoint.',
  retry_exhausted:
    'retry_on_failure.max_elapsed_time passed; raise it, or 0 to retry for as long as the queue has room.',
  storage_failed: 'Check the directory: its owner, its mode, who else uses it, and the space left on its disk.',
  scrape_failed:
    'Check that the target answers at its metrics_path within scrape_timeout, with a well-formed page that keeps to the limits of the job.',
  replay_stuck:
    'Look at what it waits for: an outage of the fixture that never ends, or a time of its input that is far away. --limit raises the bound.',
  fixture_invalid: 'Correct the fixture at the place named; fixtures/README.md describes its format.',
  report_unwritable: 'Check where standard output goes, and the space that is left there.',
  prices_invalid: 'Correct the prices at the place named; docs/replay.md describes them.',
  component_failed: 'A component threw, which is a bug in Remora. Please report it with the log line.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_ADVICE;

/** The only error class of the project. `message` is one plain sentence; `code` is stable; `cause` is what led to it. */
export class RemoraError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RemoraError';
    this.code = code;
  }

  get advice(): string {
    return ERROR_ADVICE[this.code];
  }
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Anything thrown as an Error, so that `catch` blocks need no cast. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The code of a refusal, under which it is booked; `otherwise` for an error that has none. */
export function codeOf(reason: Error, otherwise = 'rejected'): string {
  return reason instanceof RemoraError ? reason.code : otherwise;
}
