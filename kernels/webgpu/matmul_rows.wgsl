// Skinny GEMM (GEMV for one row) of any sizes: C = epilogue(A·op(B)) for up to four rows of A. a:
// [ROWS,k]; b: [k,n], or [n,k] with TRANSPOSE_B; c: [ROWS,n]. A workgroup computes 256 / SLICES
// columns; SLICES threads share a column, each with every SLICES-th of k, so that neighboring
// threads read neighboring numbers of B (coalesced): SLICES is small if B's inner axis is n, large
// if it is k. Sums in f32, first over a thread's part of k, then over the SLICES threads.
override TRANSPOSE_B: u32;
override ROWS: u32;
override SLICES: u32;

// A sum for each of four rows, by thread.
var<workgroup> sums: array<vec4f, 256>;

// The sum over the threads of a column: the thread of slice 0 receives it.
fn sum_of_slices(own: vec4f, lane: u32, slice: u32) -> vec4f {
  var sum = own;
  if (SLICES > 1u) {
    sums[lane] = sum;
    let next = select(256u / SLICES, 1u, TRANSPOSE_B == 1u);
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (slice < half) {
        sum += sums[lane + half * next];
        sums[lane] = sum;
      }
    }
  }
  return sum;
}

fn load_a(k: u32) -> vec4f {
  var x = vec4(a[k], 0.0, 0.0, 0.0);
  if (ROWS > 1u) { x.y = a[s.k + k]; }
  if (ROWS > 2u) { x.z = a[2u * s.k + k]; }
  if (ROWS > 3u) { x.w = a[3u * s.k + k]; }
  return x;
}

fn each_workgroup(group: u32, lane: u32) {
  let across = 256u / SLICES;
  let slice = select(lane / across, lane % SLICES, TRANSPOSE_B == 1u);
  let place = select(lane % across, lane / SLICES, TRANSPOSE_B == 1u);
  let column = group * across + place;
  var sum = vec4(0.0);
  if (column < s.n) {
    let first = select(column, column * s.k, TRANSPOSE_B == 1u);
    let step = select(s.n, 1u, TRANSPOSE_B == 1u);
    for (var k = slice; k < s.k; k += SLICES) {
      sum = fma(load_a(k), vec4(b[first + k * step]), sum);
    }
  }
  sum = sum_of_slices(sum, lane, slice);
  if (slice > 0u || column >= s.n) { return; }
  finish(sum.x, column, column);
  if (ROWS > 1u) { finish(sum.y, column, s.n + column); }
  if (ROWS > 2u) { finish(sum.z, column, 2u * s.n + column); }
  if (ROWS > 3u) { finish(sum.w, column, 3u * s.n + column); }
}
