// C = activation(A·Wᵀ + bias) + residual with W in 8 bits. a: [m,k]; b: n rows of W in blocks, each
// a scale (the bits of an f32) and GROUP signed bytes, four to a word; a weight is scale · byte.
// bias: [n]; residual, c: [m,n]. A workgroup computes 256 / SLICES columns of ROWS rows of A;
// SLICES threads share a column, each with every SLICES-th of its blocks. Sums in f32, first over a
// block, then over a thread's blocks, then over the threads.
override ROWS: u32;
override GROUP: u32;
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
  let words = GROUP / 4u + 1u;
  let inside = column < s.n && row < s.m;
  var sum = vec4(0.0);
  if (inside) {
    for (var block = slice; block < blocks; block += SLICES) {
      let at = (column * blocks + block) * words;
      var part = vec4(0.0);
      for (var i = 0u; i < GROUP; i += 4u) {
        let word = b[at + 1u + i / 4u];
        let k = block * GROUP + i;
        part = fma(load_a(row, k), vec4(f32(extractBits(word, 0u, 8u))), part);
        part = fma(load_a(row, k + 1u), vec4(f32(extractBits(word, 8u, 8u))), part);
        part = fma(load_a(row, k + 2u), vec4(f32(extractBits(word, 16u, 8u))), part);
        part = fma(load_a(row, k + 3u), vec4(f32(extractBits(word, 24u, 8u))), part);
      }
      sum = fma(part, vec4(bitcast<f32>(b[at])), sum);
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
