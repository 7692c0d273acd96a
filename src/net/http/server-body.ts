import type { IncomingMessage } from 'node:http';
import type { Admission } from '../../core/component.ts';
import { BodyBuffer } from '../body-buffer.ts';

/** `no_room`: admission has none. `closed`: the client went away, or broke the framing. */
export type ReadBody = 'complete' | 'too_large' | 'no_room' | 'closed';

export interface BodyLimits {
  readonly admission: Admission;
  readonly limitBytes: number;
}

/** The announced length of the body; 0 when there is none, undefined when it comes in chunks. */
export function announcedBytes(request: IncomingMessage): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  const text = request.headers['content-length'];
  return text === undefined ? 0 : Number(text);
}

/**
 * Takes room for the body and opens it, before a byte of it is read. What does not come back as a BodyBuffer is to be
 * answered with the body unread.
 */
export function openBody(request: IncomingMessage, limits: BodyLimits): BodyBuffer | 'too_large' | 'no_room' {
  const expectedBytes = announcedBytes(request);
  if (expectedBytes !== undefined && expectedBytes > limits.limitBytes) return 'too_large';
  const admitted = limits.admission.tryAdmit(0, request.socket);
  if (admitted === undefined) return 'no_room';
  return BodyBuffer.tryOpen(admitted, limits.limitBytes, expectedBytes) ?? 'no_room';
}

/** Reads the body to its end. Releases it unless the result is `complete`; then it is the caller's to release. */
export function readBody(request: IncomingMessage, body: BodyBuffer): Promise<ReadBody> {
  return new Promise((resolve) => {
    const settle = (result: ReadBody): void => {
      request.removeListener('data', onData);
      request.removeListener('end', onEnd);
      request.removeListener('close', onClose);
      if (result !== 'complete') body.release();
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      const pushed = body.push(chunk);
      if (pushed !== 'ok') settle(pushed);
    };
    const onEnd = (): void => settle('complete');
    const onClose = (): void => settle('closed');
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
  });
}
