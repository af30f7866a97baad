// Vectorized (vec4) loads of op(A) and op(B) for kernels without workgroup memory: a and b are
// arrays of vec4f; k, the inner axis of A and that of B are multiples of 4.

// [i] is row i of four of op(A), at k … k + 3. Beyond the edge the last rows are read again; their
// results are not stored.
fn rows_of_a(start: u32, row: u32, k: u32) -> mat4x4f {
  if (TRANSPOSE_A == 1u) {
    let i = (start + k * s.m + min(row, s.m - 4u)) / 4u;
    let step = s.m / 4u;
    return transpose(mat4x4f(a[i], a[i + step], a[i + 2u * step], a[i + 3u * step]));
  }
  let i = (start + min(vec4(row, row + 1u, row + 2u, row + 3u), vec4(s.m - 1u)) * s.k + k) / 4u;
  return mat4x4f(a[i.x], a[i.y], a[i.z], a[i.w]);
}

// [i] is four columns of op(B) at k + i.
fn columns_of_b(start: u32, column: u32, k: u32) -> mat4x4f {
  if (TRANSPOSE_B == 1u) {
    let columns = min(vec4(column, column + 1u, column + 2u, column + 3u), vec4(s.n - 1u));
    let i = (start + columns * s.k + k) / 4u;
    return transpose(mat4x4f(b[i.x], b[i.y], b[i.z], b[i.w]));
  }
  let i = (start + k * s.n + min(column, s.n - 4u)) / 4u;
  let step = s.n / 4u;
  return mat4x4f(b[i], b[i + step], b[i + 2u * step], b[i + 3u * step]);
}

fn add_row(sum: vec4f, x: vec4f, y: mat4x4f) -> vec4f {
  let first = fma(vec4(x.y), y[1], fma(vec4(x.x), y[0], sum));
  return fma(vec4(x.w), y[3], fma(vec4(x.z), y[2], first));
}

// sum + x·y, four rows by four columns.
fn add(sum: mat4x4f, x: mat4x4f, y: mat4x4f) -> mat4x4f {
  return mat4x4f(
    add_row(sum[0], x[0], y), add_row(sum[1], x[1], y),
    add_row(sum[2], x[2], y), add_row(sum[3], x[3], y),
  );
}
