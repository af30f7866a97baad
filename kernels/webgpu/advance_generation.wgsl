// token ← next, output[state[1] mod length] ← next, state[1] += 1, position += tokens. next, token, position: [1]; state: [2]. One thread.
struct Scalars { length: u32, tokens: u32 }
@group(0) @binding(0) var<storage, read> next: array<i32>;
@group(0) @binding(1) var<storage, read_write> token: array<i32>;
@group(0) @binding(2) var<storage, read_write> position: array<i32>;
@group(0) @binding(3) var<storage, read_write> state: array<i32>;
@group(0) @binding(4) var<storage, read_write> output: array<i32>;
@group(0) @binding(5) var<uniform> s: Scalars;

@compute @workgroup_size(1)
fn main() {
  token[0] = next[0];
  output[u32(state[1]) % s.length] = next[0];
  state[1] += 1;
  position[0] += i32(s.tokens);
}
