/**
 * The clean-up of decoded English: no space before full stops and in contractions, as
 * `transformers` 4 does by default for BERT.
 *
 * @module
 */

import { Collector } from "./pipeline/collector.ts";
import { cleanUpText } from "./pipeline/clean_up_text.ts";

/** A token stream, as tokenizer.ts describes it. */
interface Stream {
  push(id: number): string;
  end(): string;
}

/**
 * A stream whose text is cleaned up as a whole: what a later token can still change is held back.
 */
export function cleanedUp(stream: Stream): Stream {
  const collected = new Collector();
  const first = cleanUpText(collected);
  first.open();
  return {
    push: (id) => {
      first.write(stream.push(id));
      return collected.take();
    },
    end: () => {
      first.write(stream.end());
      first.close();
      first.end();
      return collected.take();
    },
  };
}
