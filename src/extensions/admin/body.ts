import type { IncomingMessage } from 'node:http';
import { adminError, type AdminAnswer } from '../../core/admin.ts';

export const MAX_BODY_BYTES = 64 * 1024;
/** What is over the bound is read and forgotten, so that the client sees its answer; of much more than that it sees none. */
const MAX_IGNORED_BYTES = 16 * 1024 * 1024;

export type JsonBody = { readonly body: unknown } | { readonly refusal: AdminAnswer };

/**
 * The body of a request that changes something. The type must say JSON even when there is none: a form of a web page
 * cannot say that without being asked first.
 */
export async function readJson(request: IncomingMessage): Promise<JsonBody> {
  if (request.method === 'POST' && !/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return refuse(415, 'The Content-Type must be application/json.', 'With curl: -H "Content-Type: application/json".');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else if (bytes > MAX_IGNORED_BYTES) break;
    }
  } catch {
    return refuse(400, 'The body is cut off.');
  }
  if (bytes > MAX_BODY_BYTES) return refuse(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  return bytes === 0 ? { body: undefined } : parsed(Buffer.concat(chunks).toString('utf8'));
}

function parsed(text: string): JsonBody {
  try {
    const body: unknown = JSON.parse(text);
    return { body };
  } catch {
    return refuse(400, 'The body is not JSON.');
  }
}

function refuse(status: number, error: string, advice?: string): JsonBody {
  return { refusal: adminError(status, error, advice) };
}
