// The derivative of norm.wgsl: with x̂ = (x − mean)·rstd and g = dy·gain,
//   dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) + gathered,  dgain = Σ dy·x̂,  dbias = Σ dy,
// means over the row and sums over all rows. With CENTERED 0 mean and mean(g) are 0, with GAIN 0
// gain is 1 and there is no dgain, with BIAS 0 there is no dbias, with ADD 0 `gathered` is not added.
//
// dy, x, gathered, dx: [rows,width], gain: [width], stats: [2,rows], each rstd and then each mean;
// dgain, dbias: [parts,width], partial sums over some of the rows. A workgroup computes dx of
// `group` rows, 256/LANES at a time, and then the partial sums of their columns: COLUMNS threads
// for neighboring columns, and PARTS of them for every PARTS-th row, each with its own sum. Sums in
// f32.
override CENTERED: u32;
override GAIN: u32;
override BIAS: u32;
override ADD: u32;
override LANES: u32;
override COLUMNS: u32;
override PARTS: u32;

// Σ g·x̂ and Σ g.
var<workgroup> totals: array<vec2f, 256>;

fn through_gain(gradient: Operand, j: u32) -> Operand {
  if (GAIN == 1u) { return gradient * gain[j]; }
  return gradient;
}

fn center_of(row: u32) -> f32 {
  if (CENTERED == 1u) { return stats[s.rows + row]; }
  return 0.0;
}

fn input_gradient(row: u32, thread: u32) {
  let lane = thread % LANES;
  let width = s.width / OPERAND_SIZE;
  let start = row * width;
  let end = select(0u, width, row < s.rows);
  let center = center_of(row);
  let scale = stats[row];
  var sums = vec2f();
  for (var j = lane; j < end; j += LANES) {
    let g = through_gain(dy[start + j], j);
    sums += vec2(sum_of(g * (x[start + j] - center)) * scale, sum_of(g));
  }
  totals[thread] = sums;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { totals[thread] += totals[thread + half]; }
    workgroupBarrier();
  }
  var means = totals[thread - lane] / f32(s.width);
  if (CENTERED == 0u) { means.y = 0.0; }
  for (var j = lane; j < end; j += LANES) {
    let at = start + j;
    var value = scale * (through_gain(dy[at], j) - means.y - (x[at] - center) * scale * means.x);
    if (ADD == 1u) { value += gathered[at]; }
    dx[at] = value;
  }
  workgroupBarrier();
}

fn parameter_gradients(first: u32, end: u32, block: u32, thread: u32) {
  let width = s.width / OPERAND_SIZE;
  let offset = thread / COLUMNS;
  if (offset >= PARTS) { return; }
  let part = block * PARTS + offset;
  for (var j = thread % COLUMNS; j < width; j += COLUMNS) {
    var to_gain = Operand();
    var to_bias = Operand();
    for (var row = first + offset; row < end; row += PARTS) {
      let at = row * width + j;
      let gradient = dy[at];
      to_gain += gradient * (x[at] - center_of(row)) * stats[row];
      to_bias += gradient;
    }
    if (GAIN == 1u) { dgain[part * width + j] = to_gain; }
    if (BIAS == 1u) { dbias[part * width + j] = to_bias; }
  }
}

fn each_workgroup(block: u32, thread: u32) {
  let first = block * s.group;
  let slots = 256u / LANES;
  for (var r = 0u; r < s.group; r += slots) {
    let inside = r + thread / LANES < s.group;
    input_gradient(select(s.rows, first + r + thread / LANES, inside), thread);
  }
  if (first < s.rows) { parameter_gradients(first, min(s.rows, first + s.group), block, thread); }
}
