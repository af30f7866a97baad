// token[b] = a column of row b, drawn by its probability. logits, weights: [rows, width]; settings:
// [temperature, topK, topP] and, with MIN_P, minP; state: [seed, step]; token: [rows]. A workgroup
// draws for one row; 256 partial sums in f32, then a tree. Floats are compared as integers of the
// same order, so that a threshold is found two bits at a time.
override MIN_P: u32;

var<workgroup> integers: array<u32, 256>;
var<workgroup> sums: array<vec3f, 256>;

fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}

fn float_of(key: u32) -> f32 {
  return bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, (key >> 31u) == 1u));
}

fn largest(value: u32, lane: u32) -> u32 {
  integers[lane] = value;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (lane < step) { integers[lane] = max(integers[lane], integers[lane + step]); }
    workgroupBarrier();
  }
  let result = integers[0];
  workgroupBarrier();
  return result;
}

// For each key of `cutoff`: Σ of the weights, or of ones, of the logits whose key is at least that.
fn tally(cutoff: vec3u, weighted: bool, base: u32, lane: u32) -> vec3f {
  var sum = vec3f(0.0);
  for (var i = lane; i < s.width; i += 256u) {
    let kept = vec3u(key_of(logits[base + i])) >= cutoff;
    sum += select(vec3f(0.0), vec3f(select(1.0, weights[base + i], weighted)), kept);
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  let result = sums[0];
  workgroupBarrier();
  return result;
}

// The largest key whose tally is at least `wanted`.
fn threshold(wanted: f32, weighted: bool, base: u32, lane: u32) -> u32 {
  var cutoff = 0u;
  for (var round = 0u; round < 16u; round++) {
    let shift = 30u - 2u * round;
    let tried = vec3u(cutoff) | (vec3u(1u, 2u, 3u) << vec3u(shift));
    let reached = tally(tried, weighted, base, lane) >= vec3f(wanted);
    if (reached.z) { cutoff = tried.z; }
    else if (reached.y) { cutoff = tried.y; }
    else if (reached.x) { cutoff = tried.x; }
  }
  return cutoff;
}

// The first column at which the running sum of the kept weights exceeds the fraction
// `uniform_number` of the whole; parts.x: the sums of 256 segments.
fn draw(cutoff: u32, uniform_number: f32, segment: u32, base: u32) -> u32 {
  var total = 0.0;
  for (var i = 0u; i < 256u; i++) { total += sums[i].x; }
  let wanted = uniform_number * total;
  var before = 0.0;
  var part = 0u;
  while (part < 255u && before + sums[part].x <= wanted) {
    before += sums[part].x;
    part++;
  }
  var chosen = 0u;
  for (var i = part * segment; i < min((part + 1u) * segment, s.width) && before <= wanted; i++) {
    let weight = weights[base + i];
    if (weight > 0.0 && key_of(logits[base + i]) >= cutoff) {
      chosen = i;
      before += weight;
    }
  }
  return chosen;
}

fn each_workgroup(row: u32, lane: u32) {
  if (row >= s.rows) { return; }
  let base = row * s.width;
  var largest_key = 0u;
  for (var i = lane; i < s.width; i += 256u) {
    largest_key = max(largest_key, key_of(logits[base + i]));
  }
  largest_key = largest(largest_key, lane);
  let temperature = settings[0];
  let top_k = floor(settings[1]);
  let top_p = settings[2];
  if (temperature <= 0.0) {
    var first = 0xffffffffu;
    for (var i = lane; i < s.width; i += 256u) {
      if (key_of(logits[base + i]) == largest_key) { first = min(first, i); }
    }
    first = ~largest(~first, lane);
    if (lane == 0u) { token[row] = i32(first); }
    return;
  }
  for (var i = lane; i < s.width; i += 256u) {
    weights[base + i] = exp((logits[base + i] - float_of(largest_key)) / temperature);
  }
  storageBarrier();
  var cutoff = 0u;
  if (top_k >= 1.0 && top_k < f32(s.width)) { cutoff = threshold(top_k, false, base, lane); }
  if (top_p < 1.0) {
    let wanted = top_p * tally(vec3u(cutoff), true, base, lane).x;
    cutoff = min(threshold(wanted, true, base, lane), largest_key);
  }
  // weight ≥ minP: the largest weight is 1.
  if (MIN_P == 1u) {
    let lowest = float_of(largest_key) + temperature * log(settings[3]);
    if (settings[3] > 0.0) { cutoff = max(cutoff, min(key_of(lowest), largest_key)); }
  }
  let segment = (s.width + 255u) / 256u;
  var sum = 0.0;
  for (var i = lane * segment; i < min((lane + 1u) * segment, s.width); i++) {
    if (key_of(logits[base + i]) >= cutoff) { sum += weights[base + i]; }
  }
  sums[lane] = vec3f(sum);
  workgroupBarrier();
  if (lane == 0u) {
    let index = row % s.period;
    let u = to_uniform(block_words(index >> 2u, state[1], state[0], s.stream));
    token[row] = i32(draw(cutoff, u[index & 3u], segment, base));
  }
}
