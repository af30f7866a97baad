/**
 * Progress of reading a file or a download.
 *
 * @module
 */

/** Progress in bytes. */
export interface Progress {
  /** Bytes read so far. */
  readonly loaded: number;
  /** Total number of bytes; undefined if unknown. */
  readonly total?: number;
}
