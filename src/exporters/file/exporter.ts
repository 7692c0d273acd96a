import { batchBytes, type Batch } from '../../core/batch.ts';
import type { Exporter } from '../../core/component.ts';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../core/verdict.ts';
import { compress } from '../../net/compress.ts';
import { requestToJson } from '../../otlp/json.ts';
import type { AppendFile } from './append-file.ts';

export interface FileFormat {
  readonly format: 'json' | 'proto';
  readonly compression: 'zstd' | '' | 'none';
}

const NEWLINE = Uint8Array.of(0x0a);

/**
 * One record a request, as the Collector's file exporter writes them: OTLP/JSON and a newline; or, for protobuf and for
 * anything compressed, its length as 4 bytes big-endian and then the bytes.
 */
export class FileExporter implements Exporter {
  readonly #format: FileFormat;
  readonly #file: AppendFile;
  #running = false;

  constructor(format: FileFormat, file: AppendFile) {
    this.#format = format;
    this.#file = file;
  }

  async start(): Promise<void> {
    try {
      await this.#file.open();
    } catch (error) {
      throw new RemoraError('storage_failed', `The output file cannot be opened: ${errorMessage(error)}.`, {
        cause: error,
      });
    }
    this.#running = true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#file.close();
  }

  async send(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    if (!this.#running) return retry(new RemoraError('shutting_down', 'The exporter is not running.'));
    if (abort.aborted) return retry(new RemoraError('storage_failed', 'The attempt was aborted before it began.'));
    let record: readonly Uint8Array[];
    try {
      record = await this.#record(batch);
    } catch (error) {
      const reason = error instanceof RemoraError ? error : new RemoraError('payload_malformed', errorMessage(error));
      return rejected(reason);
    }
    try {
      await this.#file.append(record);
      return ACCEPTED;
    } catch (error) {
      const text = `The output file cannot be written: ${errorMessage(error)}.`;
      return retry(new RemoraError('storage_failed', text, { cause: error }));
    }
  }

  async #record(batch: Batch): Promise<readonly Uint8Array[]> {
    const { format, compression } = this.#format;
    if (compression !== 'zstd' && format === 'proto') return [lengthPrefix(batch.bytes), ...batch.chunks];
    const bytes = batchBytes(batch);
    const body = format === 'json' ? requestToJson(batch.signal, bytes) : bytes;
    if (compression !== 'zstd') return [body, NEWLINE];
    const compressed = await compress(body, 'zstd');
    return [lengthPrefix(compressed.byteLength), compressed];
  }
}

function lengthPrefix(bytes: number): Uint8Array {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytes);
  return prefix;
}
