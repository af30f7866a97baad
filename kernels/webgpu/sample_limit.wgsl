// The limits of top-k and top-p for a row of logits, by one workgroup of 256 threads.
//
// A histogram by the distance from the largest logit shows in which bins a limit can fall. They
// leave few candidates, which are listed; among them the limit is found two bits at a time. If they
// do not fit the list, each two bits take a pass over the row. Floats are compared as integers of
// the same order. What is summed in any order is an integer, so that a draw can be repeated.

// Also the length of the list.
const BINS = 768u;
const SEGMENTS = 64u;
const FIRST_SEGMENT = 3u * BINS;

// Counts of the bins, low and high words of their masses; then the count and the mass of the bins
// up to each; then keys, masses and columns of the candidates. After those, low and high words of
// the masses of the row's segments.
var<workgroup> table: array<atomic<u32>, 2432>;
var<workgroup> listed: atomic<u32>;
// Three sums in each of 33 steps.
var<workgroup> tallies: array<atomic<u32>, 99>;
var<workgroup> cells: array<atomic<u32>, 8>;
var<workgroup> parts: array<f32, 256>;

struct Row {
  base: u32,
  largest: f32,
  largest_key: u32,
  // Bins in a unit of the logits; those up to `lowest_key` are in the last bin.
  scale: f32,
  lowest_key: u32,
}

struct Filters { has_k: bool, top_k: f32, has_p: bool, top_p: f32 }

// Bins before `first` are kept, those after `last` dropped; between them are candidates, of which
// the keys from `cutoff` on are kept. In any bin, keys before `least_key` are dropped.
struct Limit {
  first: u32,
  last: u32,
  cutoff: u32,
  least_key: u32,
  in_list: bool,
  // Count and mass of the bins before `first`; mass of those after `last` unless top-k drops them.
  count: f32,
  mass: f32,
  rest: f32,
  // Unit of the candidates' masses, a power of two, so that their sum fits 31 bits.
  unit: f32,
}

// The largest value of the threads; each use takes a cell of its own.
fn largest_of(cell: u32, value: u32) -> u32 {
  atomicMax(&cells[cell], value);
  workgroupBarrier();
  return atomicLoad(&cells[cell]);
}

// Σ of the values of the threads before this one.
fn sum_before(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  parts[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < lane; i++) { sum += parts[i]; }
  return sum;
}

// Adds to a sum in multiples of 2^-32.
fn add_mass(low: u32, high: u32, mass: f32) {
  let whole = floor(mass);
  let part = u32((mass - whole) * 4294967296.0 + 0.5);
  let old = atomicAdd(&table[low], part);
  let carried = u32(whole) + select(0u, 1u, old + part < old);
  if (carried > 0u) { atomicAdd(&table[high], carried); }
}

fn mass_at(low: u32, high: u32) -> f32 {
  return f32(atomicLoad(&table[high])) + f32(atomicLoad(&table[low])) * 2.3283064365386963e-10;
}

fn bin_of(row: Row, x: f32) -> u32 {
  if (key_of(x) <= row.lowest_key) { return BINS - 1u; }
  return min(u32((row.largest - x) * row.scale), BINS - 1u);
}

fn count_in_bin(row: Row, x: f32, weight: f32) {
  let bin = bin_of(row, x);
  atomicAdd(&table[bin], 1u);
  add_mass(BINS + bin, 2u * BINS + bin, weight);
}

// Sums the bins.
fn accumulate(lane: u32) {
  let bin = 3u * lane;
  var count = vec3f(0.0);
  var mass = vec3f(0.0);
  for (var i = 0u; i < 3u; i++) {
    count[i] = f32(atomicLoad(&table[bin + i]));
    mass[i] = mass_at(BINS + bin + i, 2u * BINS + bin + i);
  }
  var count_to = sum_before(count.x + count.y + count.z, lane);
  var mass_to = sum_before(mass.x + mass.y + mass.z, lane);
  for (var i = 0u; i < 3u; i++) {
    count_to += count[i];
    mass_to += mass[i];
    atomicStore(&table[bin + i], u32(count_to));
    atomicStore(&table[BINS + bin + i], bitcast<u32>(mass_to));
  }
  workgroupBarrier();
}

fn count_before(bin: u32) -> f32 {
  return select(0.0, f32(atomicLoad(&table[max(bin, 1u) - 1u])), bin > 0u);
}

fn mass_before(bin: u32) -> f32 {
  return select(0.0, bitcast<f32>(atomicLoad(&table[BINS + max(bin, 1u) - 1u])), bin > 0u);
}

// The first bin up to which the count or mass is at least `wanted`, or the last one.
fn bin_reaching(wanted: f32, weighted: bool) -> u32 {
  var first = 0u;
  var last = BINS - 1u;
  while (first < last) {
    let middle = (first + last) / 2u;
    let amount = select(count_before(middle + 1u), mass_before(middle + 1u), weighted);
    if (amount >= wanted) { last = middle; }
    else { first = middle + 1u; }
  }
  return first;
}

// The limits as far as the histogram shows them, with room for its rounding.
fn limit_of(filters: Filters) -> Limit {
  var last = BINS - 1u;
  if (filters.has_k) { last = bin_reaching(filters.top_k, false); }
  var first = last;
  if (filters.has_p) {
    // Top-k leaves at least the bins before its own.
    let mass = mass_before(select(BINS, last, filters.has_k));
    first = min(last, bin_reaching(filters.top_p * mass * 0.999999, true));
    if (!filters.has_k) { last = bin_reaching(filters.top_p * mass * 1.000001, true); }
  }
  let count = count_before(first);
  let mass = mass_before(first);
  let end = mass_before(last + 1u);
  let rest = select(mass_before(BINS) - end, 0.0, filters.has_k);
  let unit = exp2(ceil(log2(max(end - mass, 1e-20))) - 30.0);
  let in_list = count_before(last + 1u) - count <= f32(BINS);
  return Limit(first, last, 0u, 0u, in_list, count, mass, rest, unit);
}

fn is_candidate(limit: Limit, bin: u32) -> bool {
  return bin >= limit.first && bin <= limit.last;
}

fn units_of(limit: Limit, weight: f32) -> u32 {
  return u32(weight / limit.unit + 0.5);
}

fn list_candidate(limit: Limit, column: u32, x: f32, weight: f32) {
  let place = min(atomicAdd(&listed, 1u), BINS - 1u);
  atomicStore(&table[place], key_of(x));
  atomicStore(&table[BINS + place], units_of(limit, weight));
  atomicStore(&table[2u * BINS + place], column);
}

// For each key of `tried`: the count, or the mass in units, of the candidates from that key on.
fn tally(row: Row, limit: Limit, tried: vec3u, weighted: bool, lane: u32) -> vec3u {
  var sum = vec3u(0u);
  let end = select(s.width, atomicLoad(&listed), limit.in_list);
  for (var i = lane; i < end; i += 256u) {
    var key = 0u;
    var mass = 1u;
    if (limit.in_list) {
      key = atomicLoad(&table[i]);
      if (weighted) { mass = atomicLoad(&table[BINS + i]); }
    } else {
      let x = logits[row.base + i];
      if (!is_candidate(limit, bin_of(row, x))) { continue; }
      key = key_of(x);
      if (weighted) { mass = units_of(limit, weights[row.base + i]); }
    }
    sum += select(vec3u(0u), vec3u(mass), vec3u(key) >= tried);
  }
  return sum;
}

// For each key of `tried`: the count or mass of the row from that key on. Each step once.
fn above(row: Row, limit: Limit, step: u32, tried: vec3u, lane: u32) -> vec3f {
  let weighted = step >= 16u;
  let sum = tally(row, limit, tried, weighted, lane);
  if (any(sum > vec3u(0u))) {
    atomicAdd(&tallies[3u * step], sum.x);
    atomicAdd(&tallies[3u * step + 1u], sum.y);
    atomicAdd(&tallies[3u * step + 2u], sum.z);
  }
  workgroupBarrier();
  let all = vec3f(vec3u(
    atomicLoad(&tallies[3u * step]),
    atomicLoad(&tallies[3u * step + 1u]),
    atomicLoad(&tallies[3u * step + 2u]),
  ));
  if (weighted) { return limit.mass + all * limit.unit; }
  return limit.count + all;
}

// The largest key that both filters keep: 16 steps find that of top-k, one the mass that it leaves,
// 16 that of top-p.
fn cutoff_of(row: Row, limit: Limit, filters: Filters, lane: u32) -> u32 {
  var cutoff = 0u;
  var wanted = filters.top_k;
  let end = select(16u, 33u, filters.has_p);
  for (var step = select(16u, 0u, filters.has_k); step < end; step++) {
    let shift = 30u - 2u * (step % 17u);
    var tried = vec3u(cutoff);
    if (step != 16u) { tried |= vec3u(1u, 2u, 3u) << vec3u(shift); }
    let sums = above(row, limit, step, tried, lane);
    if (step == 16u) {
      wanted = filters.top_p * (sums.x + limit.rest);
      cutoff = 0u;
    } else if (sums.z >= wanted) {
      cutoff = tried.z;
    } else if (sums.y >= wanted) {
      cutoff = tried.y;
    } else if (sums.x >= wanted) {
      cutoff = tried.x;
    }
  }
  return min(cutoff, row.largest_key);
}
