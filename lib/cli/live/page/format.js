/**
 * Numbers in readable form, and the round numbers of an axis.
 *
 * @module
 */

/** A loss, to four decimals. */
export function loss(value) {
  return value.toFixed(4);
}

/** A learning rate, to three figures: `0.000991`, and `9.91e-5` below a ten-thousandth. */
export function rate(value) {
  if (value === 0) return "0";
  return value < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

/** A count with thousands separated. */
export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** A count for an axis: `1.5k`, `20k`, `3M`. */
export function short(value) {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return Number((value / size).toPrecision(6)) + unit;
  }
  return String(Number(value.toPrecision(6)));
}

/** A duration in its two largest units: `42 s`, `3 min 05 s`, `1 h 02 min`. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const two = (part) => String(part).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
}

/**
 * Round numbers from `low` to `high`, about `target` of them: multiples of 1, 2 or 5 times a power
 * of ten.
 */
export function ticks(low, high, target) {
  const rough = (high - low) / Math.max(1, target);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A token in visible form: spaces at its ends, line feeds and tabs become signs. */
export function token(text) {
  if (text === "") return "∅";
  return text.replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length))
    .replaceAll("\n", "↵").replaceAll("\t", "⇥");
}
