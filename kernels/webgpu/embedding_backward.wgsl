// table[r] (+)= Σ of dy[i] over all i with ids[i] = r, a deterministic scatter. table: [rows,
// width], overwritten with ZERO; ids: [count]; dy: [count, width].
//
// A workgroup owns ROWS rows and 64 columns. It marks, 1,024 ids at a time, those that belong to
// its rows; then each thread adds the marked rows of a quarter of them in its column, in order. At
// the end the f32 sums of the four quarters are added in order.
override ROWS: u32;
override ZERO: u32;

const COLUMNS = 64u;
const PARTS = 4u;
const TILE = 1024u;

// A bit for each id of the tile, the row of each id, and a bit for each row that has any id.
var<workgroup> marks: array<atomic<u32>, 32>;
var<workgroup> row_of: array<u32, TILE>;
var<workgroup> used: atomic<u32>;
var<workgroup> sums: array<f32, ROWS * PARTS * COLUMNS>;

fn each_workgroup(number: u32, lane: u32) {
  let blocks = (s.width + COLUMNS - 1u) / COLUMNS;
  let first_row = number / blocks * ROWS;
  let column = number % blocks * COLUMNS + lane % COLUMNS;
  let part = lane / COLUMNS;
  for (var r = 0u; r < ROWS; r++) { sums[(r * PARTS + part) * COLUMNS + lane % COLUMNS] = 0.0; }
  for (var start = 0u; start < s.count; start += TILE) {
    if (lane < 32u) { atomicStore(&marks[lane], 0u); }
    workgroupBarrier();
    for (var i = lane; i < TILE && start + i < s.count; i += 256u) {
      let row = u32(clamp(ids[start + i], 0, i32(s.rows) - 1)) - first_row;
      if (row < ROWS) {
        row_of[i] = row;
        atomicOr(&marks[i / 32u], 1u << (i % 32u));
        atomicOr(&used, 1u << row);
      }
    }
    workgroupBarrier();
    if (column < s.width) {
      for (var word = part * 8u; word < part * 8u + 8u; word++) {
        var left = atomicLoad(&marks[word]);
        while (left != 0u) {
          let i = word * 32u + countTrailingZeros(left);
          left &= left - 1u;
          let to = (row_of[i] * PARTS + part) * COLUMNS + lane % COLUMNS;
          sums[to] += dy[(start + i) * s.width + column];
        }
      }
    }
    workgroupBarrier();
  }
  let touched = atomicLoad(&used);
  for (var r = part; r < ROWS; r += PARTS) {
    let row = first_row + r;
    if (row >= s.rows || column >= s.width) { continue; }
    if (ZERO == 0u && ((touched >> r) & 1u) == 0u) { continue; }
    let at = r * PARTS * COLUMNS + lane % COLUMNS;
    let sum = sums[at] + sums[at + COLUMNS] + sums[at + 2u * COLUMNS] + sums[at + 3u * COLUMNS];
    let to = row * s.width + column;
    if (ZERO == 1u) { table[to] = sum; } else { table[to] += sum; }
  }
}
