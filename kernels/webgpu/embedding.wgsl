// y[i] = table[ids[i]] + positions[offset + i mod time]. table: [rows, width]; ids: [count],
// clamped into the table; positions: [places, width], added with POSITIONS; offset: [1] with OFFSET
// 1, [count / time] with OFFSET 2, none with 0; y: [count, width]. A thread computes one element.
override POSITIONS: u32;
override OFFSET: u32;

fn each_thread(i: u32) {
  if (i >= s.count * s.width) { return; }
  let row = i / s.width;
  let column = i % s.width;
  let id = u32(clamp(ids[row], 0, i32(s.rows) - 1));
  var value = table[id * s.width + column];
  if (POSITIONS == 1u) {
    var place = row % s.time;
    if (OFFSET > 0u) { place += u32(offset[select(0u, row / s.time, OFFSET == 2u)]); }
    value += positions[place * s.width + column];
  }
  y[i] = value;
}
