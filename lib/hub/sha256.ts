/**
 * SHA-256 of bytes in chunks, which the platform's `crypto.subtle` cannot compute.
 *
 * Source: FIPS 180-4.
 *
 * @module
 */

/**
 * The first 32 bits of the fractional parts of the cube roots of the first 64 primes, and of the
 * square roots of the first 8.
 */
const [ROUNDS, START] = constants();

function constants(): [Int32Array, Int32Array] {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  // An integer root of p·2^(32·power), bit by bit, because a double is too short for cube roots.
  const fraction = (p: number, power: bigint) => {
    const target = BigInt(p) << (32n * power);
    let root = 0n;
    for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) {
      if ((root + bit) ** power <= target) root += bit;
    }
    return Number(BigInt.asIntN(32, root));
  };
  return [
    Int32Array.from(primes, (p) => fraction(p, 3n)),
    Int32Array.from(primes.slice(0, 8), (p) => fraction(p, 2n)),
  ];
}

const BLOCK = 64;

/** A hash of bytes that arrive in chunks. */
export class Sha256 {
  readonly #state = Int32Array.from(START);
  readonly #words = new Int32Array(64);
  readonly #block = new Uint8Array(BLOCK);
  /** Number of bytes hashed so far. */
  #length = 0;

  /** Adds the next bytes. */
  update(bytes: Uint8Array): void {
    let at = 0;
    const filled = this.#length % BLOCK;
    this.#length += bytes.length;
    if (filled > 0) {
      at = Math.min(BLOCK - filled, bytes.length);
      this.#block.set(bytes.subarray(0, at), filled);
      if (filled + at < BLOCK) return;
      take(this.#state, this.#words, this.#block, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) take(this.#state, this.#words, bytes, at);
    this.#block.set(bytes.subarray(at));
  }

  /** The hash in lower-case hexadecimal; nothing can be added afterwards. */
  hex(): string {
    const bits = this.#length * 8;
    const filled = this.#length % BLOCK;
    const end = new Uint8Array((filled < 56 ? 2 : 3) * BLOCK - BLOCK - filled);
    end[0] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(end.length - 4, bits % 2 ** 32);
    this.update(end);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** Adds the 64 bytes from `at` on to the state. */
function take(state: Int32Array, w: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++, at += 4) {
    w[i] = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
    const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1 | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const t = h + s1 + (g ^ e & (f ^ g)) + ROUNDS[i] + w[i] | 0;
    const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const u = s0 + (a & b | c & (a | b)) | 0;
    h = g;
    g = f;
    f = e;
    e = d + t | 0;
    d = c;
    c = b;
    b = a;
    a = t + u | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}
