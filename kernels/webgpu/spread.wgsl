// y[o,j,i] = scale · x[o,i]; with INDEXED only at j = index[o,i], and 0 elsewhere. x, index:
// [outer,inner], y: [outer,length,inner]. A thread computes one element. COLUMNS is for the CPU;
// both of its forms are the same here.
override INDEXED: u32;
override COLUMNS: u32;

fn each_thread(at: u32) {
  if (at >= s.count) { return; }
  let row = at / s.inner;
  let source = (row / s.length) * s.inner + at % s.inner;
  var value = x[source] * s.scale;
  if (INDEXED == 1u && index[source] != i32(row % s.length)) { value = 0.0; }
  y[at] = value;
}
