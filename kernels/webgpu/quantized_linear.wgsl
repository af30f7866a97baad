// C = activation(A·Wᵀ + bias) + residual with W in BITS = 16, 8 or 4 bits. a: [m,k]; b: n rows of W
// in blocks, each a scale (the bits of an f32) and GROUP signed integers; a weight is scale ·
// integer. In 4 bits, byte j of the 16 bytes of 32 integers holds integer j low and integer j + 16
// high. In 16 a block is eight numbers without a scale: word j holds number j low, j + 4 high. bias: [n]; residual, c: [m,n]. A workgroup computes 256 / SLICES columns of ROWS rows of A;
// SLICES threads share a column, each with every SLICES-th of its blocks. Sums in f32, first over a
// block, then over a thread's blocks, then over the threads.
override ROWS: u32;
override GROUP: u32;
override BITS: u32;
override SLICES: u32;
override BIAS: u32;
override RESIDUAL: u32;
override ACTIVATE: u32;

// A sum for each of four rows, by thread.
var<workgroup> sums: array<vec4f, 256>;

fn load_a(row: u32, k: u32) -> vec4f {
  if (k >= s.k) { return vec4(0.0); }
  let at = row * s.k + k;
  var x = vec4(a[at], 0.0, 0.0, 0.0);
  if (ROWS > 1u) { x.y = a[at + s.k]; }
  if (ROWS > 2u) { x.z = a[at + 2u * s.k]; }
  if (ROWS > 3u) { x.w = a[at + 3u * s.k]; }
  return x;
}

// The sum of a block's integers times the rows of a: `at` is its first word of integers.
fn block_sum(row: u32, k: u32, at: u32) -> vec4f {
  var part = vec4(0.0);
  for (var i = 0u; i < GROUP; i += 4u) {
    var word = b[at + i / 4u];
    var bits = 8u;
    if (BITS == 4u) {
      // A word has the low halves of four integers and the high halves of those 16 further on.
      word = b[at + i / 32u * 4u + i % 16u / 4u] >> (i % 32u / 16u * 4u);
      bits = 4u;
    }
    part = fma(load_a(row, k + i), vec4(f32(extractBits(word, 0u, bits))), part);
    part = fma(load_a(row, k + i + 1u), vec4(f32(extractBits(word, 8u, bits))), part);
    part = fma(load_a(row, k + i + 2u), vec4(f32(extractBits(word, 16u, bits))), part);
    part = fma(load_a(row, k + i + 3u), vec4(f32(extractBits(word, 24u, bits))), part);
  }
  return part;
}

// The sum of eight numbers in 16 bits times the rows of a: `at` is the first of their words.
fn half_block_sum(row: u32, k: u32, at: u32) -> vec4f {
  var part = vec4(0.0);
  for (var j = 0u; j < 4u; j++) {
    let word = b[at + j];
    part = fma(load_a(row, k + j), vec4(from_half(word, 0u)), part);
    part = fma(load_a(row, k + j + 4u), vec4(from_half(word, 1u)), part);
  }
  return part;
}

fn finish(product: f32, row: u32, column: u32) {
  var v = product;
  if (BIAS == 1u) { v += bias[column]; }
  if (ACTIVATE == 1u) { v = activate(v); }
  let at = row * s.n + column;
  if (RESIDUAL == 1u) { v += residual[at]; }
  c[at] = v;
}

fn each_workgroup(tile: u32, lane: u32) {
  let across = 256u / SLICES;
  let stripes = (s.n + across - 1u) / across;
  let row = tile / stripes * ROWS;
  let column = tile % stripes * across + lane / SLICES;
  let slice = lane % SLICES;
  let blocks = (s.k + GROUP - 1u) / GROUP;
  var words = GROUP * BITS / 32u + 1u;
  if (BITS == 16u) { words = 4u; }
  let inside = column < s.n && row < s.m;
  var sum = vec4(0.0);
  if (inside) {
    for (var block = slice; block < blocks; block += SLICES) {
      let at = (column * blocks + block) * words;
      if (BITS == 16u) {
        sum += half_block_sum(row, block * GROUP, at);
      } else {
        let part = block_sum(row, block * GROUP, at + 1u);
        sum = fma(part, vec4(bitcast<f32>(b[at])), sum);
      }
    }
  }
  if (SLICES > 1u) {
    sums[lane] = sum;
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (slice < half) {
        sum += sums[lane + half];
        sums[lane] = sum;
      }
    }
  }
  if (slice > 0u || !inside) { return; }
  finish(sum.x, row, column);
  if (ROWS > 1u) { finish(sum.y, row + 1u, column); }
  if (ROWS > 2u) { finish(sum.z, row + 2u, column); }
  if (ROWS > 3u) { finish(sum.w, row + 3u, column); }
}
