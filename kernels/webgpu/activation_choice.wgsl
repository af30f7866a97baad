// The activation that a product applies on its way out, by its number; put in front of the kernels
// of products, after activations.wgsl.
override ACTIVATION: u32;

fn activate(v: f32) -> f32 {
  switch ACTIVATION {
    case 1u: { return gelu(v); }
    case 2u: { return gelu_erf(v); }
    case 3u: { return relu(v); }
    case 4u: { return silu(v); }
    default: { return v; }
  }
}

