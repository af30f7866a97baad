// token[b] = a column of row b, drawn by its probability. logits, weights: [rows, width]; settings:
// [temperature, topK, topP] and, with MIN_P, minP; state: [seed, step]; token: [rows].
//
// A workgroup draws for one row: the largest logit; the weights and, with top-k or top-p, their
// histogram; the masses of segments of kept weights, from which the draw finds its segment. That is
// three passes over the row, two without top-k and top-p. See sample_limit.wgsl for those.
override MIN_P: u32;

// The key of the lowest finite number.
const LOWEST = 0x00800000u;

// Four columns of the row, 256 apart, so that their loads are in flight together.
fn columns_from(i: u32) -> vec4u {
  return vec4u(i) + vec4u(0u, 256u, 512u, 768u);
}

fn four_logits(base: u32, i: u32) -> vec4f {
  let at = base + min(columns_from(i), vec4u(s.width - 1u));
  return vec4f(logits[at.x], logits[at.y], logits[at.z], logits[at.w]);
}

fn four_weights(base: u32, i: u32) -> vec4f {
  let at = base + min(columns_from(i), vec4u(s.width - 1u));
  return vec4f(weights[at.x], weights[at.y], weights[at.z], weights[at.w]);
}

// The largest logit's key, its first column and the key of the lowest finite logit.
fn extremes(base: u32, lane: u32) -> vec3u {
  var most = vec4u(0u);
  var first = vec4u(0xffffffffu);
  var least = vec4u(0xffffffffu);
  for (var i = lane; i < s.width; i += 1024u) {
    let x = four_logits(base, i);
    let columns = columns_from(i);
    let all = vec4u(key_of(x.x), key_of(x.y), key_of(x.z), key_of(x.w));
    let keys = select(vec4u(0u), all, columns < vec4u(s.width));
    first = select(first, columns, keys > most);
    most = max(most, keys);
    least = min(least, select(vec4u(0xffffffffu), keys, keys >= vec4u(LOWEST)));
  }
  let largest = largest_of(0u, max(max(most.x, most.y), max(most.z, most.w)));
  let places = select(vec4u(0xffffffffu), first, most == vec4u(largest));
  let place = ~largest_of(1u, ~min(min(places.x, places.y), min(places.z, places.w)));
  let lowest = ~largest_of(2u, ~min(min(least.x, least.y), min(least.z, least.w)));
  return vec3u(largest, place, lowest);
}

fn store_weight(row: Row, column: u32, x: f32, weight: f32) {
  if (column >= s.width) { return; }
  weights[row.base + column] = weight;
  count_in_bin(row, x, weight);
}

// The weights and their histogram.
fn store_weights(row: Row, temperature: f32, lane: u32) {
  for (var i = lane; i < s.width; i += 1024u) {
    let x = four_logits(row.base, i);
    let weight = exp((x - row.largest) / temperature);
    store_weight(row, i, x.x, weight.x);
    store_weight(row, i + 256u, x.y, weight.y);
    store_weight(row, i + 512u, x.z, weight.z);
    store_weight(row, i + 768u, x.w, weight.w);
  }
  storageBarrier();
  workgroupBarrier();
}

fn add_to_segment(segment: u32, mass: f32) {
  add_mass(FIRST_SEGMENT + segment, FIRST_SEGMENT + SEGMENTS + segment, mass);
}

// The weights, and the masses of the segments, each of `length` columns, of those from a key on.
fn store_segments(row: Row, temperature: f32, least_key: u32, length: u32, lane: u32) {
  for (var start = 0u; start < s.width; start += length) {
    var mass = vec4f(0.0);
    let end = min(start + length, s.width);
    for (var i = start + lane; i < end; i += 1024u) {
      let x = four_logits(row.base, i);
      let weight = exp((x - row.largest) / temperature);
      let columns = columns_from(i);
      if (columns.x < end) { weights[row.base + columns.x] = weight.x; }
      if (columns.y < end) { weights[row.base + columns.y] = weight.y; }
      if (columns.z < end) { weights[row.base + columns.z] = weight.z; }
      if (columns.w < end) { weights[row.base + columns.w] = weight.w; }
      let keys = vec4u(key_of(x.x), key_of(x.y), key_of(x.z), key_of(x.w));
      let kept = (keys >= vec4u(least_key)) & (columns < vec4u(end));
      mass += select(vec4f(0.0), weight, kept);
    }
    let sum = mass.x + mass.y + mass.z + mass.w;
    if (sum > 0.0) { add_to_segment(start / length, sum); }
  }
  storageBarrier();
  workgroupBarrier();
}

// The weight of a column before the limit's bins; a candidate is listed.
fn sure_weight(row: Row, limit: Limit, column: u32, x: f32, weight: f32) -> f32 {
  if (column >= s.width) { return 0.0; }
  let bin = bin_of(row, x);
  if (limit.in_list && is_candidate(limit, bin)) { list_candidate(limit, column, x, weight); }
  return select(0.0, weight, bin < limit.first && key_of(x) >= limit.least_key);
}

// The masses of the segments, each of `length` columns, without the candidates.
fn sum_segments(row: Row, limit: Limit, length: u32, lane: u32) {
  for (var start = 0u; start < s.width; start += length) {
    var mass = 0.0;
    for (var i = start + lane; i < min(start + length, s.width); i += 1024u) {
      let x = four_logits(row.base, i);
      let weight = four_weights(row.base, i);
      mass += sure_weight(row, limit, i, x.x, weight.x);
      mass += sure_weight(row, limit, i + 256u, x.y, weight.y);
      mass += sure_weight(row, limit, i + 512u, x.z, weight.z);
      mass += sure_weight(row, limit, i + 768u, x.w, weight.w);
    }
    if (mass > 0.0) { add_to_segment(start / length, mass); }
  }
  workgroupBarrier();
}

// A column's weight if it is kept, otherwise 0.
fn kept_weight(row: Row, limit: Limit, column: u32) -> f32 {
  let x = logits[row.base + column];
  let bin = bin_of(row, x);
  let key = key_of(x);
  let kept = bin < limit.first || (bin <= limit.last && key >= limit.cutoff);
  return select(0.0, weights[row.base + column], kept && key >= limit.least_key);
}

// Adds the candidates that are kept to their segments.
fn add_candidates(row: Row, limit: Limit, length: u32, lane: u32) {
  let end = select(s.width, atomicLoad(&listed), limit.in_list);
  for (var i = lane; i < end; i += 256u) {
    var column = i;
    if (limit.in_list) { column = atomicLoad(&table[2u * BINS + i]); }
    if (!is_candidate(limit, bin_of(row, logits[row.base + column]))) { continue; }
    add_to_segment(column / length, kept_weight(row, limit, column));
  }
  workgroupBarrier();
}

// The last thread with a value before which the sum is at most `wanted`.
fn thread_at(cell: u32, value: f32, before: f32, wanted: f32, lane: u32) -> u32 {
  let reached = value > 0.0 && before <= wanted;
  return max(largest_of(cell, select(0u, lane + 1u, reached)), 1u) - 1u;
}

// The column at which the running sum of the kept weights exceeds the fraction `uniform_number` of
// the whole: first its segment, then a thread's part of the segment.
fn draw(row: Row, limit: Limit, length: u32, uniform_number: f32, lane: u32) -> u32 {
  var mass = 0.0;
  if (lane < SEGMENTS) { mass = mass_at(FIRST_SEGMENT + lane, FIRST_SEGMENT + SEGMENTS + lane); }
  let segment_before = sum_before(mass, lane);
  var total = 0.0;
  for (var i = 0u; i < SEGMENTS; i++) { total += parts[i]; }
  let wanted = uniform_number * total;
  let segment = thread_at(3u, mass, segment_before, wanted, lane);
  var start = 0.0;
  for (var i = 0u; i < segment; i++) { start += parts[i]; }
  let part = length / 256u;
  let first = segment * length + lane * part;
  let end = min(first + part, s.width);
  var sum = 0.0;
  for (var i = first; i < end; i++) { sum += kept_weight(row, limit, i); }
  let before = start + sum_before(sum, lane);
  let thread = thread_at(4u, sum, before, wanted, lane);
  var chosen = 0u;
  if (lane == thread) {
    var running = before;
    for (var i = first; i < end && running <= wanted; i++) {
      let weight = kept_weight(row, limit, i);
      if (weight > 0.0) { chosen = i; }
      running += weight;
    }
  }
  return largest_of(5u, chosen);
}

fn row_of(base: u32, found: vec3u, temperature: f32) -> Row {
  let largest = float_of(found.x);
  let range = min(largest - float_of(found.z), 40.0 * max(temperature, 1.0));
  let scale = f32(BINS - 1u) / max(range, 1e-30);
  return Row(base, largest, found.x, scale, key_of(largest - range));
}

fn each_workgroup(index: u32, lane: u32) {
  if (index >= s.rows) { return; }
  let base = index * s.width;
  let temperature = settings[0];
  let found = extremes(base, lane);
  if (temperature <= 0.0) {
    if (lane == 0u) { token[index] = i32(min(found.y, s.width - 1u)); }
    return;
  }
  let row = row_of(base, found, temperature);
  let top_k = floor(settings[1]);
  let filters = Filters(top_k >= 1.0 && top_k < f32(s.width), top_k, settings[2] < 1.0, settings[2]);
  let filtered = filters.has_k || filters.has_p;
  // A multiple of 1,024 columns.
  let length = (s.width + 1024u * SEGMENTS - 1u) / (1024u * SEGMENTS) * 1024u;
  var limit = Limit(BINS, BINS, 0u, 0u, true, 0.0, 0.0, 0.0, 1.0);
  if (filtered) {
    store_weights(row, temperature, lane);
    accumulate(lane);
    limit = limit_of(filters);
    workgroupBarrier();
  }
  // weight ≥ minP: the largest weight is 1.
  if (MIN_P == 1u && settings[3] > 0.0) {
    limit.least_key = min(key_of(row.largest + temperature * log(settings[3])), row.largest_key);
  }
  if (filtered) {
    sum_segments(row, limit, length, lane);
    limit.cutoff = cutoff_of(row, limit, filters, lane);
    add_candidates(row, limit, length, lane);
  } else {
    store_segments(row, temperature, limit.least_key, length, lane);
  }
  let number = index % s.period;
  let u = to_uniform(block_words(number >> 2u, state[1], state[0], s.stream));
  let chosen = draw(row, limit, length, u[number & 3u], lane);
  if (lane == 0u) { token[index] = i32(chosen); }
}
