/**
 * What `deno task finetune` asks of documents: each has something to learn, after a prompt that the
 * context holds.
 *
 * @module
 */
import { formatItems } from "../../lib/cli/numbers.ts";
import { type EncodedDocument, UserError } from "../../mod.ts";
import type { TrainData } from "../train/data.ts";

/**
 * Checks the documents of both parts, and says how many are longer than a row of `context` tokens.
 *
 * @throws {UserError} if a document has no target, or a prompt that is longer than a row
 */
export function documentNotes({ documents, source }: TrainData, context: number): string[] {
  if (!documents) return [];
  const all = [...documents.train, ...documents.validation];
  all.forEach((document, i) => expectTargets(document, context, `${source}: example ${i + 1}`));
  const long = all.filter(({ ids }) => ids.length - 1 > context).length;
  return long === 0
    ? []
    : [`long     ${formatItems(long, "text")} over ${context} tokens, learned in parts`];
}

function expectTargets({ ids, prompt }: EncodedDocument, context: number, where: string): void {
  if (ids.length < 2) {
    throw new UserError(`${where}: expected a text to learn, got an empty one; leave it out`);
  }
  if (prompt <= context) return;
  throw new UserError(
    `${where}: its prompt has ${prompt} tokens, more than the ${context} of a row, so that no answer ` +
      "would see the whole of it; shorten it, leave it out, or raise --context",
  );
}
