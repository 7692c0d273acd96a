import { isUtf8 } from 'node:buffer';
import type { PageReply } from '../../core/outside.ts';
import { plainBytes, wideEncodingOf } from './plain-bytes.ts';
import { redactedProtobufPage } from './protobuf-page.ts';
import type { Redaction } from './redaction.ts';

/** Text as such, and what is none as bytes; both redacted. */
export function textOrBytes(content: Uint8Array, name: 'text' | 'body', redact: (text: string) => string): object {
  const isText = isUtf8(content);
  if (isText && wideEncodingOf(content) === undefined) return { [name]: redact(Buffer.from(content).toString('utf8')) };
  const plain = plainBytes(content, redact);
  return isText && isUtf8(plain) ? { [name]: plain.toString('utf8') } : base64(plain);
}

/** As a member. */
export function base64(content: Uint8Array): { readonly base64: string } {
  return { base64: Buffer.from(content).toString('base64') };
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
  if (/protobuf/i.test(contentType)) return { ...envelope, ...base64(protobufPage(body, redaction)) };
  return { ...envelope, ...textOrBytes(body, 'body', (text) => redaction.text(text)) };
}

function protobufPage(body: Uint8Array, redaction: Redaction): Uint8Array {
  if (!redaction.concerns(Buffer.from(body).toString('latin1'))) return body;
  try {
    return redactedProtobufPage(body, redaction);
  } catch {
    return plainBytes(body, (text) => redaction.text(text));
  }
}
