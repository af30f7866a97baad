/**
 * Progress of reading a file or a download.
 *
 * @module
 */

/** How much has been read, in bytes. */
export interface Progress {
  /** Bytes read so far. */
  readonly loaded: number;
  /** Bytes to read in all; undefined if that is not known beforehand. */
  readonly total?: number;
}
