import { isUtf8 } from 'node:buffer';
import type { PageReply } from '../../core/outside.ts';
import type { Redaction } from './redaction.ts';

/** Text as such, redacted; everything else as it is. */
export function textOrBytes(content: Uint8Array, name: 'text' | 'body', redact: (text: string) => string): object {
  if (!isUtf8(content)) return { base64: Buffer.from(content).toString('base64') };
  return { [name]: redact(Buffer.from(content).toString('utf8')) };
}

/** A page as a line has it. */
export function pageReply(reply: PageReply, redaction: Redaction): object {
  if ('failure' in reply) {
    const { reason, message } = reply.failure;
    return { failure: { reason, message: redaction.text(message) } };
  }
  const { status, contentType, body } = reply;
  const envelope = { status, contentType };
  // A page of protobuf may be UTF-8 by chance.
  if (/protobuf/i.test(contentType)) return { ...envelope, base64: Buffer.from(body).toString('base64') };
  return { ...envelope, ...textOrBytes(body, 'body', (text) => redaction.text(text)) };
}
