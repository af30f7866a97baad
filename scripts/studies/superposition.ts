/**
 * Five features in two dimensions: x′ = relu(x·W·Wᵀ + b), trained to give x back, feature i with
 * the importance 0.9^i.
 *
 * Sparse features share the plane as the corners of a pentagon; of dense ones the two most
 * important take an axis each, and the others are dropped.
 *
 * @module
 */
import {
  AdamW,
  add,
  compile,
  keep,
  matmul,
  mean,
  mul,
  Random,
  relu,
  square,
  sub,
  type Tensor,
  tensor,
  transpose,
  valueAndGrad,
  zeros,
} from "../../mod.ts";
import { embeddingFigure } from "../../lib/plot/mod.ts";
import { type Findings, measured, share, type Study, type StudyOptions } from "./study.ts";

const FEATURES = 5;
const DIMENSIONS = 2;
const IMPORTANCE = Float32Array.from({ length: FEATURES }, (_, i) => 0.9 ** i);
/** Chance that a feature is there at all. */
const SPARSE = 0.05;
const DENSE = 1;

export const superposition: Study = {
  title: "Superposition: five features in two dimensions",
  source: "Elhage et al. 2022, transformer-circuits.pub/2022/toy_model",
  async run({ seeds, quick, report }: StudyOptions): Promise<Findings> {
    const steps = quick ? 1500 : 5000;
    const sparse: Plane[] = [], dense: Plane[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      sparse.push(await learned(seed, { chance: SPARSE, steps }));
      dense.push(await learned(seed, { chance: DENSE, steps }));
      const shown = (plane: Plane) => plane.lengths.map((length) => length.toFixed(2)).join(" ");
      report(`seed ${seed}: lengths ${shown(sparse[seed])} sparse, ${shown(dense[seed])} dense`);
    }
    const pentagons = sparse.map(isPentagon);
    const facts = [
      measured(`features represented, each there with chance ${SPARSE}`, {
        published: "5",
        values: sparse.map(represented),
        holds: (count) => count === FEATURES,
        digits: 1,
      }),
      {
        what: "sparse features are the corners of a pentagon",
        published: "yes",
        here: share(pentagons),
        agrees: pentagons.filter(Boolean).length > seeds / 2,
      },
      measured("widest gap between neighbors in degrees", {
        published: "72",
        values: sparse.map(({ gaps }) => Math.max(...gaps)),
        holds: (gap) => Math.abs(gap - 72) < 10,
        digits: 0,
      }),
      measured("dense features represented", {
        published: "2",
        values: dense.map(represented),
        holds: (count) => count === DIMENSIONS,
        digits: 1,
      }),
      {
        what: "dense features form a pentagon",
        published: "never",
        here: share(dense.map(isPentagon)),
        agrees: !dense.some(isPentagon),
        control: true,
      },
    ];
    const figure = (plane: Plane, title: string) =>
      embeddingFigure([...plane.points, { label: "0", x: 0, y: 0, group: "origin" }], {
        title,
        width: 420,
        height: 420,
      });
    const figures = {
      sparse: figure(sparse[0], `Sparse features (chance ${SPARSE})`),
      dense: figure(dense[0], "Dense features (always there)"),
    };
    return { facts, figures };
  },
};

/** Where the features are in the plane. */
interface Plane {
  readonly points: readonly { label: string; group: string; x: number; y: number }[];
  readonly lengths: readonly number[];
  /** Degrees between neighbors, of those that are represented. */
  readonly gaps: readonly number[];
}

/** Features longer than 0.5: those that are represented. */
function represented({ lengths }: Plane): number {
  return lengths.filter((length) => length > 0.5).length;
}

/** Five features of one length, 72° apart, give or take 10°. */
function isPentagon({ lengths, gaps }: Plane): boolean {
  if (gaps.length < FEATURES || gaps.some((gap) => Math.abs(gap - 72) > 10)) return false;
  return Math.min(...lengths) > 0.8 * Math.max(...lengths);
}

/** Trains one toy model. */
async function learned(
  seed: number,
  { chance, steps }: { chance: number; steps: number },
): Promise<Plane> {
  const batch = 512;
  const random = new Random(seed);
  const weight = tensor(random.normals(FEATURES * DIMENSIONS, 0.5), {
    shape: [FEATURES, DIMENSIONS],
  });
  const bias = tensor(new Float32Array(FEATURES), { shape: [FEATURES] });
  const x = keep(zeros([batch, FEATURES]));
  const importance = tensor(IMPORTANCE);
  const optimizer = new AdamW([weight, bias], { weightDecay: 0 });
  const step = compile(() => {
    const { value, gradients } = valueAndGrad(() => loss(x, weight, bias, importance), [
      weight,
      bias,
    ]);
    optimizer.update(gradients);
    return value;
  });
  for (let i = 0; i < steps; i++) {
    x.write(Float32Array.from({ length: batch * FEATURES }, () => {
      return random.uniform() < chance ? random.uniform() : 0;
    }));
    optimizer.prepare(5e-3 * (1 - i / steps)); // to 0, so that the corners come to rest
    step();
  }
  const plane = planeOf(await weight.data());
  step.dispose();
  return plane;
}

/** Σ importance·(x − relu(x·W·Wᵀ + b))², the mean over the batch. */
function loss(x: Tensor, weight: Tensor, bias: Tensor, importance: Tensor): Tensor {
  const hidden = matmul(x, weight);
  const again = relu(add(matmul(hidden, transpose(weight)), bias));
  return mul(mean(mul(square(sub(x, again)), importance)), FEATURES);
}

function planeOf(weight: ArrayLike<number>): Plane {
  const points = Array.from({ length: FEATURES }, (_, i) => {
    return { label: `feature ${i + 1}`, group: "features", x: weight[2 * i], y: weight[2 * i + 1] };
  });
  const lengths = points.map(({ x, y }) => Math.hypot(x, y));
  const angles = points.filter((_, i) => lengths[i] > 0.5)
    .map(({ x, y }) => Math.atan2(y, x) * 180 / Math.PI).sort((a, b) => a - b);
  const gaps = angles.map((angle, i) => (angles[(i + 1) % angles.length] - angle + 360) % 360);
  return { points, lengths, gaps };
}
