/**
 * Some verse with speakers, as a character model reads it.
 *
 * @module
 */
import { UserError } from "../../lib/cli/run.ts";
import type { GPT, Tokenizer } from "../../mod.ts";

/** Verse with speakers. */
const TEXT = `First Citizen:
Before we proceed any further, hear me speak.

All:
Speak, speak.

First Citizen:
You are all resolved rather to die than to famish?

MENENIUS:
There was a time when all the body's members
Rebell'd against the belly, thus accused it:
That only like a gulf it did remain
I' the midst o' the body, idle and unactive,
Still cupboarding the viand, never bearing
Like labour with the rest.

ROMEO:
But, soft! what light through yonder window breaks?
It is the east, and Juliet is the sun.
Arise, fair sun, and kill the envious moon,
Who is already sick and pale with grief.
`;

/** The text in windows, and its characters. */
export interface Reading {
  readonly ids: Int32Array<ArrayBuffer>;
  readonly characters: readonly string[];
  readonly rows: number;
  readonly time: number;
  readonly newline: number;
}

/** Encodes the text for a model of characters. */
export function readingOf(model: GPT, tokenizer: Tokenizer, folder: string): Reading {
  const ids = [...tokenizer.encode(TEXT)];
  if (ids.length !== TEXT.length) {
    throw new UserError(
      `${folder}: this study needs a model of characters, as deno task train makes`,
    );
  }
  const time = Math.min(model.textLength, 128);
  const rows = Math.floor(ids.length / time);
  const used = Int32Array.from(ids.slice(0, rows * time));
  const [newline] = tokenizer.encode("\n");
  return { ids: used, characters: [...TEXT], rows, time, newline };
}
