/**
 * What the stages of a decoder pass tokens on to.
 *
 * @module
 */

/** Where a stage passes its tokens on to. */
export interface TokenSink {
  /** A token begins. */
  open(): void;
  /** A part of it. */
  write(text: string): void;
  /** It ends. */
  close(): void;
  /** There are no more tokens. */
  end(): void;
}

/** Passes a whole token on. */
export function pass(next: TokenSink, token: string): void {
  next.open();
  next.write(token);
  next.close();
}
