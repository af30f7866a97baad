// index[o,i] = the first j at which x[o,j,i] is largest. x: [outer,length,inner], index:
// [outer,inner]. A workgroup computes 256/LANES outputs with LANES threads each, arranged as in
// reduce.wgsl.
override COLUMNS: u32;
override LANES: u32;

var<workgroup> values: array<f32, 256>;
var<workgroup> places: array<u32, 256>;

fn each_workgroup(group: u32, thread: u32) {
  let slots = 256u / LANES;
  let slot = select(thread / LANES, thread % slots, COLUMNS == 1u);
  let lane = select(thread % LANES, thread / slots, COLUMNS == 1u);
  let output = group * slots + slot;
  if (output < s.outer * s.inner) {
    let base = (output / s.inner) * s.length * s.inner + output % s.inner;
    // A thread whose lane is beyond the axis takes the first element.
    var place = select(0u, lane, lane < s.length);
    var value = x[base + place * s.inner];
    for (var j = lane + LANES; j < s.length; j += LANES) {
      let candidate = x[base + j * s.inner];
      if (candidate > value) {
        value = candidate;
        place = j;
      }
    }
    values[thread] = value;
    places[thread] = place;
  }
  workgroupBarrier();
  let hop = select(1u, slots, COLUMNS == 1u);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = thread + half * hop;
      let tie = values[other] == values[thread] && places[other] < places[thread];
      if (values[other] > values[thread] || tie) {
        values[thread] = values[other];
        places[thread] = places[other];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u && output < s.outer * s.inner) { index[output] = i32(places[thread]); }
}
