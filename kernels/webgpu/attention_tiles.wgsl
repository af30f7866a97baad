// Shared by the attention kernels on tiles: the head of a workgroup and the places of its rows,
// workgroup memory, and products of tiles of 32 by 32. The scalars are those of
// lib/ops/attention_layout.ts.
//
// A workgroup is 8 by 8 threads; thread (row, column) owns the rows row + 8i and the columns
// 4·column … 4·column + 3 of a product, i from 0 to 3, in a matrix of four rows. A head's D columns
// are processed in slices of 32; beyond D a slice holds zeros. A workgroup keeps four slices of its
// result in registers, so a head of more than 128 columns takes several workgroups, each of which
// computes all scores. Sums in f32.
override HEAD_SIZE: u32;
override HAS_LENGTHS: u32;
override HAS_FIRST_KEYS: u32;
override DROPOUT: u32;

const TILE = 32;
// Slices of the result that a workgroup keeps.
const SLICES = 4;
// Vectors from row to row of a tile: one more than it holds, to avoid bank conflicts between
// neighboring rows.
const PITCH = 9u;
const LOG2_E = 1.4426950408889634;
// The largest score of a row that has none yet: finite, so that differences stay numbers.
const LOWEST = -1e30;

var<workgroup> left: array<array<vec4f, PITCH>, 32>;
var<workgroup> right: array<array<vec4f, PITCH>, 32>;
var<workgroup> weights: array<array<vec4f, PITCH>, 32>;
var<workgroup> exchanged: array<vec4f, 64>;
var<private> row: u32;
var<private> column: u32;

// The head of a workgroup, the first of its 32 rows, the end of the keys that may be seen, and the
// first of its slices.
struct Head { batch: i32, head: i32, keyHead: i32, first: i32, limit: i32, slice: i32 }

fn place_thread(lane: u32) {
  row = lane / 8u;
  column = lane % 8u;
}

// maskWords: [seed, step] with DROPOUT, then the lengths [B] with HAS_LENGTHS, then the first keys
// [B,Tq] with HAS_FIRST_KEYS. The index is a parameter, because a build without any has an array of
// one, and a constant 1 would be refused.
fn mask_word(i: i32) -> i32 { return maskWords[i]; }

fn slices() -> i32 { return i32((HEAD_SIZE + 31u) / 32u); }

// The work of workgroup `index` if each of s.batch sequences has `heads` heads of `rows` rows.
// `batch` is beyond the last for workgroups that only fill up a dimension.
fn head_of(index: u32, heads: i32, rows: i32) -> Head {
  let parts = (slices() + SLICES - 1) / SLICES;
  let blocks = (rows + TILE - 1) / TILE;
  let block = i32(index) / parts;
  var h: Head;
  h.batch = block / blocks / heads;
  h.head = block / blocks % heads;
  h.keyHead = h.head / s.group;
  h.first = block % blocks * TILE;
  h.limit = s.keys;
  if (HAS_LENGTHS == 1u) { h.limit = min(s.keys, mask_word(h.batch + 2 * i32(DROPOUT))); }
  h.slice = i32(index) % parts * SLICES;
  return h;
}

// Whether the head has the slice n after the workgroup's first.
fn has_slice(h: Head, n: i32) -> bool { return h.slice + n < slices(); }

// Columns of the head from this thread's four of a slice on: 4 or more if all four exist.
fn columns_left(slice: i32) -> i32 { return i32(HEAD_SIZE) - 32 * slice - 4 * i32(column); }

// Indices of this thread's four columns of a slice: in row i of the queries, of the keys, of the
// values, and of the result and its gradient.
fn query_at(h: Head, i: i32, slice: i32) -> i32 {
  return s.qOffset + (h.batch * s.queries + i) * s.qStride + column_at(h.head, slice);
}
fn key_at(h: Head, i: i32, slice: i32) -> i32 {
  return s.kOffset + (h.batch * s.keys + i) * s.kStride + column_at(h.keyHead, slice);
}
fn value_at(h: Head, i: i32, slice: i32) -> i32 {
  return s.vOffset + (h.batch * s.keys + i) * s.vStride + column_at(h.keyHead, slice);
}
fn result_at(h: Head, i: i32, slice: i32) -> i32 {
  return (h.batch * s.queries + i) * result_stride() + column_at(h.head, slice);
}
fn column_at(head: i32, slice: i32) -> i32 {
  return head * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}

// What these add from row to row.
fn query_stride() -> i32 { return s.qStride; }
fn key_stride() -> i32 { return s.kStride; }
fn value_stride() -> i32 { return s.vStride; }
fn result_stride() -> i32 { return s.heads * i32(HEAD_SIZE); }

// The first keys that queries see: those of their documents. A query after the last has the last's.
fn first_keys(h: Head, i: vec4i) -> vec4i {
  if (HAS_FIRST_KEYS == 0u) { return vec4i(); }
  return vec4i(first_key(h, i.x), first_key(h, i.y), first_key(h, i.z), first_key(h, i.w));
}
fn first_key(h: Head, i: i32) -> i32 {
  if (HAS_FIRST_KEYS == 0u) { return 0; }
  let before = 2 * i32(DROPOUT) + s.batch * i32(HAS_LENGTHS);
  return mask_word(before + h.batch * s.queries + min(i, s.queries - 1));
}

// Whether queries at positions see keys, elementwise.
fn sees(position: vec4i, key: vec4i, first: vec4i, limit: i32) -> vec4<bool> {
  let low = max(position - s.behind, first);
  return (key >= low) & (key <= position + s.ahead) & (key < vec4i(limit));
}

// The position of query i among the keys: that of the last query is the last key's.
fn position_of(i: i32) -> i32 { return i + s.keys - s.queries; }

// Stores this thread's four rows of a tile.
fn store_left(rows: mat4x4f) {
  left[row][column] = rows[0];
  left[row + 8u][column] = rows[1];
  left[row + 16u][column] = rows[2];
  left[row + 24u][column] = rows[3];
}

fn store_right(rows: mat4x4f) {
  right[row][column] = rows[0];
  right[row + 8u][column] = rows[1];
  right[row + 16u][column] = rows[2];
  right[row + 24u][column] = rows[3];
}

// 8 vectors of a slice; no constant, because Intel's compiler would unroll the loops over them and
// spill hundreds of registers.
fn steps() -> u32 { return 8u + (u32(s.batch) >> 31u); }

// sum + a·b, one row by four columns.
fn add_row(sum: vec4f, a: vec4f, b: mat4x4f) -> vec4f {
  let first = fma(vec4f(a.y), b[1], fma(vec4f(a.x), b[0], sum));
  return fma(vec4f(a.w), b[3], fma(vec4f(a.z), b[2], first));
}

// scores += left·rightᵀ over one slice, row n of the right-hand side at n % 4 · 8 + n / 4.
fn add_scores(scores: ptr<function, mat4x4f>) {
  let end = steps();
  for (var step = 0u; step < end; step++) {
    let b = transpose(mat4x4f(
      right[column][step], right[column + 8u][step],
      right[column + 16u][step], right[column + 24u][step],
    ));
    (*scores)[0] = add_row((*scores)[0], left[row][step], b);
    (*scores)[1] = add_row((*scores)[1], left[row + 8u][step], b);
    (*scores)[2] = add_row((*scores)[2], left[row + 16u][step], b);
    (*scores)[3] = add_row((*scores)[3], left[row + 24u][step], b);
  }
}

// Stores this thread's part of a product for `add_values`.
fn store_weights(p: mat4x4f) {
  weights[row][column] = p[0];
  weights[row + 8u][column] = p[1];
  weights[row + 16u][column] = p[2];
  weights[row + 24u][column] = p[3];
}

// sums += weights·right, one slice of columns.
fn add_values(sums: ptr<function, mat4x4f>) {
  let end = steps();
  for (var step = 0u; step < end; step++) {
    let n = 4u * step;
    let b = mat4x4f(
      right[n][column], right[n + 1u][column], right[n + 2u][column], right[n + 3u][column],
    );
    (*sums)[0] = add_row((*sums)[0], weights[row][step], b);
    (*sums)[1] = add_row((*sums)[1], weights[row + 8u][step], b);
    (*sums)[2] = add_row((*sums)[2], weights[row + 16u][step], b);
    (*sums)[3] = add_row((*sums)[3], weights[row + 24u][step], b);
  }
}

// The maximum, or the sum, over the eight threads of a row, of a value for each of its four rows.
fn largest_of_row(own: vec4f) -> vec4f {
  exchanged[row * 8u + column] = own;
  workgroupBarrier();
  var result = exchanged[row * 8u];
  for (var i = 1u; i < 8u; i++) { result = max(result, exchanged[row * 8u + i]); }
  workgroupBarrier();
  return result;
}

fn sum_of_row(own: vec4f) -> vec4f {
  exchanged[row * 8u + column] = own;
  workgroupBarrier();
  var result = exchanged[row * 8u];
  for (var i = 1u; i < 8u; i++) { result += exchanged[row * 8u + i]; }
  workgroupBarrier();
  return result;
}

// Row i times factor i.
fn scale_rows(rows: mat4x4f, factor: vec4f) -> mat4x4f {
  return mat4x4f(rows[0] * factor.x, rows[1] * factor.y, rows[2] * factor.z, rows[3] * factor.w);
}
