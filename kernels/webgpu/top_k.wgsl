// The k largest elements of each row, largest first, equal ones in their order. x: [rows, width];
// values, indices: [rows, k]. A workgroup computes one row in k rounds, each a maximum over the
// elements after the last one found. Floats are compared as integers of the same order.

var<workgroup> keys: array<u32, 256>;
var<workgroup> places: array<u32, 256>;

fn each_workgroup(row: u32, lane: u32) {
  if (row >= s.rows) { return; }
  let base = row * s.width;
  var last_key = 0xffffffffu;
  var last_place = 0u;
  for (var found = 0u; found < s.k; found++) {
    var key = 0u;
    var place = 0xffffffffu;
    for (var i = lane; i < s.width; i += 256u) {
      let candidate = key_of_bits(x[base + i]);
      let left = found == 0u || candidate < last_key || (candidate == last_key && i > last_place);
      if (left && (place == 0xffffffffu || candidate > key)) {
        key = candidate;
        place = i;
      }
    }
    keys[lane] = key;
    places[lane] = place;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
      if (lane < half) {
        let other = lane + half;
        let there = places[other] != 0xffffffffu;
        let tie = keys[other] == keys[lane] && places[other] < places[lane];
        let better = keys[other] > keys[lane] || tie;
        if (there && (places[lane] == 0xffffffffu || better)) {
          keys[lane] = keys[other];
          places[lane] = places[other];
        }
      }
      workgroupBarrier();
    }
    last_key = keys[0];
    last_place = places[0];
    workgroupBarrier();
    if (lane == 0u) {
      values[row * s.k + found] = x[base + last_place];
      indices[row * s.k + found] = last_place;
    }
  }
}
