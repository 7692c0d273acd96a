/**
 * One gRPC message on the wire (grpc/grpc doc/PROTOCOL-HTTP2.md):
 *
 *   Length-Prefixed-Message = Compressed-Flag (1 byte, 0 or 1)  Message-Length (4 bytes, big endian)  Message
 */
export const PREFIX_BYTES = 5;

/** A message ready to be sent, uncompressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** The five bytes before a message, however they are spread over the chunks that arrive. */
export class MessagePrefix {
  readonly #bytes = new Uint8Array(PREFIX_BYTES);
  #length = 0;

  /** Bytes of the prefix that arrived. */
  get length(): number {
    return this.#length;
  }

  get complete(): boolean {
    return this.#length === PREFIX_BYTES;
  }

  /** 0 plain, 1 compressed; anything else is malformed. */
  get flag(): number {
    return this.#bytes[0] ?? 0;
  }

  get messageBytes(): number {
    const [, a = 0, b = 0, c = 0, d = 0] = this.#bytes;
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  }

  /** Takes what it needs from the head of `chunk`, and says how many bytes that was. */
  take(chunk: Uint8Array): number {
    let taken = 0;
    while (this.#length < PREFIX_BYTES && taken < chunk.length) this.#bytes[this.#length++] = chunk[taken++] ?? 0;
    return taken;
  }
}
