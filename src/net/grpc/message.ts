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
  /** 0 plain, 1 compressed; anything else is malformed. */
  flag = 0;
  messageBytes = 0;
  /** Bytes of the prefix that arrived. */
  length = 0;

  get complete(): boolean {
    return this.length === PREFIX_BYTES;
  }

  /** Takes what it needs from the head of `chunk`, and says how many bytes that was. */
  take(chunk: Uint8Array): number {
    let taken = 0;
    for (; this.length < PREFIX_BYTES && taken < chunk.length; taken++, this.length++) {
      const byte = chunk[taken] ?? 0;
      if (this.length === 0) this.flag = byte;
      else this.messageBytes = this.messageBytes * 256 + byte;
    }
    return taken;
  }
}
