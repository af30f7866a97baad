// Rotary positions: each pair (x[j], x[j + D/2]) of a head turns by the angle of its place t and
// its j; the other columns are copied. x, y: [rows, width], rows = B·T; the first heads·D columns
// turn. cosine, sine: [positions, D/2]; position: added to t, one for all when OFFSET is 1, one for
// each sequence when it is 2. direction −1 turns back, for the derivative. A thread computes one
// pair of a head, or one pair of columns to copy.
override OFFSET: u32;

fn each_thread(i: u32) {
  let pairs = s.width / 2u;
  if (i >= s.rows * pairs) { return; }
  let row = i / pairs;
  let pair = i % pairs;
  let base = row * s.width;
  if (pair >= s.heads * s.half) {
    let column = base + 2u * pair;
    y[column] = x[column];
    y[column + 1u] = x[column + 1u];
    return;
  }
  let j = pair % s.half;
  var t = row % s.time;
  if (OFFSET > 0u) { t += u32(position[select(0u, row / s.time, OFFSET == 2u)]); }
  let c = cosine[t * s.half + j];
  let d = sine[t * s.half + j] * s.direction;
  let at = base + (pair / s.half) * 2u * s.half + j;
  let u = x[at];
  let v = x[at + s.half];
  y[at] = u * c - v * d;
  y[at + s.half] = v * c + u * d;
}
