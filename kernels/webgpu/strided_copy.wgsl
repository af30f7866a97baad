// y[yStart + Σ i·y] ← x[xStart + Σ i·x] for all i in a box of up to six axes, axis 0 the innermost.
// x, y: 32-bit words. With ADD y gets the sum, in f32, of its value and x; with ZERO it gets zeros.
// RANK: axes in use. A thread copies one word, along axis 0 first. With TILE (x1 = y0 = 1, a
// transposition) a workgroup copies 32 × 32 words of axes 1 and 0 through workgroup memory, so that
// both reads and writes are coalesced.
override ADD: u32;
override ZERO: u32;
override RANK: u32;
override TILE: u32;
override UNIT: u32;

const SIDE = 32u;
var<workgroup> tile: array<u32, 1056>; // rows of 33 avoid bank conflicts

// Indices in x and y of a position in the box of the axes from 2 on.
fn plane_at(position: u32) -> vec2u {
  var rest = position;
  var at = vec2u(s.xStart, s.yStart);
  if (RANK > 2u) { at += (rest % s.n2) * vec2u(s.x2, s.y2); rest /= s.n2; }
  if (RANK > 3u) { at += (rest % s.n3) * vec2u(s.x3, s.y3); rest /= s.n3; }
  if (RANK > 4u) { at += (rest % s.n4) * vec2u(s.x4, s.y4); rest /= s.n4; }
  if (RANK > 5u) { at += rest * vec2u(s.x5, s.y5); }
  return at;
}

fn put(place: u32, word: u32) {
  if (ADD == 0u) {
    y[place] = word;
    return;
  }
  y[place] = bitcast<u32>(bitcast<f32>(y[place]) + bitcast<f32>(word));
}

fn put_tile(number: u32, lane: u32) {
  let across = (s.n0 + SIDE - 1u) / SIDE;
  let down = (s.n1 + SIDE - 1u) / SIDE;
  let plane = number / (across * down);
  let inside = plane < s.count / (s.n0 * s.n1);
  let at = plane_at(plane);
  let column = (number % across) * SIDE;
  let row = (number / across % down) * SIDE;
  for (var i = lane / SIDE; i < SIDE; i += 8u) {
    let r = row + lane % SIDE;
    let c = column + i;
    if (inside && r < s.n1 && c < s.n0) { tile[i * 33u + lane % SIDE] = x[at.x + r + c * s.x0]; }
  }
  workgroupBarrier();
  for (var i = lane / SIDE; i < SIDE; i += 8u) {
    let r = row + i;
    let c = column + lane % SIDE;
    if (inside && r < s.n1 && c < s.n0) { put(at.y + c + r * s.y1, tile[lane % SIDE * 33u + i]); }
  }
}

fn each_workgroup(number: u32, lane: u32) {
  if (TILE == 1u) {
    put_tile(number, lane);
    return;
  }
  let i = number * 256u + lane;
  if (i >= s.count) { return; }
  let row = i / s.n0;
  let at = plane_at(row / s.n1) + (i % s.n0) * vec2u(s.x0, s.y0) + (row % s.n1) * vec2u(s.x1, s.y1);
  var word = 0u;
  if (ZERO == 0u) { word = x[at.x]; }
  put(at.y, word);
}
