/**
 * What sampling makes of a model's logits: the probabilities that the sliders change.
 *
 * @module
 */

/** A token that may come next. */
export interface Candidate {
  readonly id: number;
  /** The logit. */
  readonly logit: number;
  /** softmax(logit / temperature), over all tokens. */
  readonly probability: number;
  /** The probability of drawing it, after top-k and top-p; 0 if they leave it out. */
  readonly chance: number;
}

/** Which tokens are drawn. */
export interface Choice {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

/**
 * All tokens, the likeliest first; with a temperature of 0 the first has all of the chance.
 */
export function candidates(
  logits: Float32Array,
  { temperature, topK, topP }: Choice,
): Candidate[] {
  const divisor = temperature || 1;
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp((logit - largest) / divisor));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const sorted = Array.from(logits, (logit, id) => ({ id, logit, probability: powers[id] / total }))
    .sort((a, b) => b.logit - a.logit || a.id - b.id);
  const kept = temperature === 0 ? 1 : keptTokens(sorted, topK, topP);
  const mass = sorted.slice(0, kept).reduce((sum, { probability }) => sum + probability, 0);
  return sorted.map((token, rank) => ({
    ...token,
    chance: rank < kept ? token.probability / mass : 0,
  }));
}

/** How many of the sorted tokens top-k and then top-p keep. */
function keptTokens(
  sorted: readonly { readonly probability: number }[],
  topK: number,
  topP: number,
): number {
  const most = topK === 0 ? sorted.length : Math.min(topK, sorted.length);
  if (topP >= 1) return most;
  const mass = sorted.slice(0, most).reduce((sum, { probability }) => sum + probability, 0);
  let sum = 0;
  const last = sorted.findIndex(({ probability }) => (sum += probability) >= topP * mass);
  return last < 0 ? most : Math.min(most, last + 1);
}
