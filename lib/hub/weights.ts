/**
 * The weights of a model, from any kind of file.
 *
 * weight_files.ts opens them.
 *
 * @module
 */
import type { Progress } from "../progress.ts";
import type { TensorReader } from "./parameters.ts";

/** How to read weights. */
export interface WeightsOptions {
  /** Called after each chunk of at most 4 MiB. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends reading; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Open weights. */
export interface Weights extends TensorReader {
  /**
   * Checks files by their hashes, if they are known.
   *
   * @throws {SyntaxError} if one differs
   */
  verify(): Promise<void>;
  /** Closes the files. */
  close(): void;
}
