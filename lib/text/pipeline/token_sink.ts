/**
 * The interface between the stages of a decoder (decoders.ts).
 *
 * @module
 */

/** Receives the tokens of a decoder's stage. */
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
