/**
 * Numbers in readable form: counts, bytes, durations, losses.
 *
 * @module
 */

/**
 * A count with thousands separated: `1115394` → `1,115,394`.
 *
 * ```ts
 * console.assert(formatCount(1115394) === "1,115,394");
 * ```
 */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * A count with its noun, in the plural unless it is 1: `1 layer`, `4 layers`.
 *
 * ```ts
 * console.assert(formatItems(1, "layer") === "1 layer" && formatItems(4, "head") === "4 heads");
 * ```
 */
export function formatItems(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * A count to three figures, for rates: `84123` → `84.1k`; units k, M, G (powers of 1,000).
 *
 * ```ts
 * console.assert(formatRate(84123) === "84.1k" && formatRate(950) === "950");
 * ```
 */
export function formatRate(rate: number): string {
  return scaled(rate, ["", "k", "M", "G"]);
}

/**
 * A number of bytes to three figures: `1115394` → `1.12 MB`; units kB, MB, GB, TB (powers of
 * 1,000).
 *
 * ```ts
 * console.assert(formatBytes(1115394) === "1.12 MB" && formatBytes(12) === "12 B");
 * ```
 */
export function formatBytes(bytes: number): string {
  return scaled(bytes, [" B", " kB", " MB", " GB", " TB"]);
}

/**
 * A duration in its two largest units: `42` → `42s`, `185` → `3m05s`, `3720` → `1h02m`.
 *
 * ```ts
 * console.assert(formatDuration(185) === "3m05s" && formatDuration(3720) === "1h02m");
 * ```
 */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const [big, small, units] = whole < 3600 ? [whole, 60, "ms"] : [whole / 60, 60, "hm"];
  const rest = Math.floor(big % small);
  return `${Math.floor(big / small)}${units[0]}${String(rest).padStart(2, "0")}${units[1]}`;
}

/**
 * A loss, to four decimals.
 *
 * ```ts
 * console.assert(formatLoss(1.88) === "1.8800" && formatLoss(NaN) === "NaN");
 * ```
 */
export function formatLoss(loss: number): string {
  return loss.toFixed(4);
}

function scaled(value: number, units: string[]): string {
  let unit = 0;
  // 999.5 would round to four figures.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const decimals = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(decimals) + units[unit];
}
