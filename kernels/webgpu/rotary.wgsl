// Rotary position embedding (RoPE): each pair (x[j], x[j + D/2]) of a head is rotated by the angle
// of its position t and of j; the other columns are copied. x, y: [rows, width], rows = B·T; the
// first heads·D columns are rotated. cosine, sine: [positions, D/2]; position is added to t: [1]
// with OFFSET 1, [B] with OFFSET 2; outside the tables the nearest row counts. direction −1 rotates
// back, for the derivative. A thread computes one pair of a head, or copies one pair of columns.
override OFFSET: u32;

fn each_thread(i: u32) {
  let pairs = s.width / 2u;
  if (i >= s.rows * pairs) { return; }
  let row = i / pairs;
  let pair = i % pairs;
  let base = row * s.width;
  let j = pair % s.headPairs;
  if (pair >= s.heads * s.headPairs || j >= s.half) {
    let column = base + 2u * pair;
    y[column] = x[column];
    y[column + 1u] = x[column + 1u];
    return;
  }
  var t = row % s.time;
  if (OFFSET > 0u) {
    let place = i32(t) + position[select(0u, row / s.time, OFFSET == 2u)];
    t = u32(clamp(place, 0, i32(s.positions) - 1));
  }
  let c = cosine[t * s.half + j];
  let d = sine[t * s.half + j] * s.direction;
  let at = base + 2u * (pair - j) + j;
  let u = x[at];
  let v = x[at + s.half];
  y[at] = u * c - v * d;
  y[at + s.half] = v * c + u * d;
}
