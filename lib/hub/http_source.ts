/**
 * A file of an HTTP server as a ByteSource. Sequential reads share one connection; an interrupted
 * connection is resumed at the byte at which it ended.
 *
 * Each answer must have the size that the server named first, and the same version. See
 * cached_source.ts for keeping what was read.
 *
 * @module
 */
import { Patience } from "../data/patience.ts";
import { Silence } from "../data/silence.ts";
import { reasonOf, UnreachableError } from "../data/unreachable.ts";
import { UserError } from "../errors.ts";
import { type ByteSource, checkRange, readNew } from "./byte_source.ts";
import { contentRange, expectSuccess, type HttpOptions, request, TIMEOUT } from "./http_request.ts";
import type { RemoteFile } from "./remote_file.ts";

/** Failures without progress that are followed by another try. */
const RETRIES = 5;
/** Time without progress after which there is no further try, in multiples of the time limit. */
const PATIENCE = 6;
/** Maximum number of bytes that are read and discarded instead of sending a new request. */
const WORTH_SKIPPING = 1 << 20;

/**
 * A ByteSource over a file that `describeRemote` has found. Nothing is requested before the first
 * read.
 */
export function httpSource(file: RemoteFile, options: HttpOptions = {}): ByteSource {
  return new HttpSource(file, options);
}

/** An answer that is being read. */
interface Connection {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly silence: Silence;
  /** Offset of the next byte in the file. */
  position: number;
  /** Bytes that were received and not read yet. */
  rest: Uint8Array;
}

class HttpSource implements ByteSource {
  readonly #file: RemoteFile;
  readonly #options: HttpOptions;
  #connection: Connection | undefined;
  /** Entity tag of the answers; another server's if the first one redirects. */
  #answerTag: string | undefined;

  constructor(file: RemoteFile, options: HttpOptions) {
    this.#file = file;
    this.#options = options;
  }

  get name(): string {
    return this.#file.url;
  }

  get byteLength(): number {
    return this.#file.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return readNew(this, offset, length);
  }

  async readInto(offset: number, bytes: Uint8Array): Promise<void> {
    checkRange(this, offset, bytes.length);
    const { signal, timeout = TIMEOUT } = this.#options;
    const patience = new Patience({ retries: RETRIES, time: PATIENCE * timeout, signal });
    for (let filled = 0; filled < bytes.length;) {
      try {
        const piece = await this.#next(offset + filled, bytes.length - filled);
        bytes.set(piece, filled);
        filled += piece.length;
        patience.received(piece.length);
      } catch (error) {
        this.rest();
        await patience.afterFailure(this.#unreachable(error));
      }
    }
  }

  rest(): void {
    this.#connection?.silence.end();
    this.#connection?.reader.cancel().catch(() => {}); // it may have failed before
    this.#connection = undefined;
  }

  close(): void {
    this.rest();
  }

  /** At least one byte and at most `most` from `position` on. */
  async #next(position: number, most: number): Promise<Uint8Array> {
    const connection = await this.#at(position);
    if (connection.rest.length === 0) await this.#receive(connection);
    const piece = connection.rest.subarray(0, most);
    connection.rest = connection.rest.subarray(piece.length);
    connection.position += piece.length;
    return piece;
  }

  async #receive(connection: Connection): Promise<void> {
    const { value, done } = await connection.reader.read();
    const { position } = connection;
    if (done) throw new Error(`the connection ended after ${position} of ${this.byteLength} bytes`);
    if (position + value.length > this.byteLength) {
      throw new UserError(
        `${this.name}: expected ${this.byteLength} bytes, as the server announced, got more; the ` +
          "server cannot be trusted",
      );
    }
    connection.rest = value;
  }

  /** The connection whose next byte is the one at `position`. */
  async #at(position: number): Promise<Connection> {
    const open = this.#connection;
    const ahead = open ? position - open.position : -1;
    if (!open || ahead < 0 || ahead > WORTH_SKIPPING) {
      this.rest();
      this.#connection = await this.#connect(position);
    }
    const connection = this.#connection!;
    while (connection.position < position) {
      if (connection.rest.length === 0) await this.#receive(connection);
      const skipped = Math.min(connection.rest.length, position - connection.position);
      connection.rest = connection.rest.subarray(skipped);
      connection.position += skipped;
    }
    return connection;
  }

  async #connect(position: number): Promise<Connection> {
    const { timeout = TIMEOUT, signal } = this.#options;
    const silence = new Silence(timeout, signal);
    try {
      const headers = { range: `bytes=${position}-` };
      const response = await request(this.name, { headers }, this.#options, silence);
      const start = await this.#startOf(response, position);
      const reader = silence.body(response.body!).getReader();
      return { reader, silence, position: start, rest: new Uint8Array(0) };
    } catch (error) {
      silence.end();
      throw error;
    }
  }

  /**
   * Offset of the answer in the file: `position`, or 0 from a server that does not support ranges.
   */
  async #startOf(response: Response, position: number): Promise<number> {
    const range = response.status === 206 ? contentRange(response) : undefined;
    const length = response.headers.get("content-length");
    const total = range?.total ?? (response.ok && length !== null ? Number(length) : undefined);
    const tag = response.headers.get("etag") ?? undefined;
    try {
      if (response.status === 416) throw this.#changed("is shorter now");
      expectSuccess(this.name, response);
      this.#expectAsItIs(response);
      if (response.status === 206 && range?.start !== position) {
        throw this.#changed(`was requested from byte ${position} on and sent from ${range?.start}`);
      }
      if (total !== undefined && total !== this.byteLength) {
        throw this.#changed(`has ${total} bytes now`);
      }
      if (this.#answerTag !== undefined && tag !== this.#answerTag) {
        throw this.#changed("has another version now");
      }
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    this.#answerTag = tag;
    return range ? position : 0;
  }

  /** The size of a body that the server compresses is not the file's, and has no limit. */
  #expectAsItIs({ headers }: Response): void {
    const encoding = headers.get("content-encoding") ?? "identity";
    if (encoding === "identity") return;
    throw new UserError(
      `${this.name}: the server sends it compressed (${encoding}), which was not requested, so its ` +
        "size cannot be checked; download it and pass the folder",
    );
  }

  #changed(how: string): UserError {
    return new UserError(
      `${this.name}: the file had ${this.byteLength} bytes when it was found and ${how}; try again`,
    );
  }

  /** A failure of the connection as the error that names the file. */
  #unreachable(cause: unknown): unknown {
    if (cause instanceof UserError || this.#options.signal?.aborted) return cause;
    return new UnreachableError("model file", this.name, reasonOf(cause), { cause });
  }
}
