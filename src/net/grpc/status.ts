import type { OutgoingHttpHeaders } from 'node:http2';
import type { GrpcCode } from './codes.ts';

/** How a call ended, as its trailers say. */
export interface GrpcStatus {
  readonly code: GrpcCode;
  readonly message: string;
  /** A google.rpc.Status, sent as `grpc-status-details-bin`. */
  readonly details?: Uint8Array;
}

/** A longer message would not fit the header list that many clients take. */
const MAX_MESSAGE_BYTES = 1024;
/** Details, in base64, stay below the 8 KiB of metadata that clients take by default. */
const MAX_DETAILS_BYTES = 4096;

/** The trailers that carry a status. */
export function statusTrailers({ code, message, details }: GrpcStatus): OutgoingHttpHeaders {
  const trailers: OutgoingHttpHeaders = { 'grpc-status': String(code) };
  if (message !== '') trailers['grpc-message'] = percentEncode(message);
  if (details !== undefined && details.length <= MAX_DETAILS_BYTES) {
    trailers['grpc-status-details-bin'] = Buffer.from(details).toString('base64');
  }
  return trailers;
}

const PLAIN = /^[\x20-\x24\x26-\x7e]*$/;

/**
 * `grpc-message`: UTF-8 with every byte outside space to tilde, and the percent sign, as %XX (PROTOCOL-HTTP2.md). Cut
 * after MAX_MESSAGE_BYTES.
 */
export function percentEncode(message: string): string {
  if (message.length <= MAX_MESSAGE_BYTES && PLAIN.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message).subarray(0, MAX_MESSAGE_BYTES)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in milliseconds; undefined when it is malformed. */
export function parseTimeout(text: string): number | undefined {
  const match = TIMEOUT.exec(text);
  return match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
}
