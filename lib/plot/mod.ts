/**
 * Figures as SVG: losses, attention, confusion matrices, embeddings, next tokens, and the
 * projections of vectors onto a plane.
 *
 * A figure's function takes the data first and its options second, and returns a {@linkcode
 * Figure}, which is drawn at `toSVG` or `save`. Observable Plot and its DOM (15 MB) are downloaded
 * then, once; importing this module downloads nothing. ../../mod.ts computes the data.
 *
 * ```ts
 * import { lossFigure } from "./mod.ts";
 * const train = [{ step: 0, loss: 4.2 }, { step: 100, loss: 2.5 }, { step: 200, loss: 2.2 }];
 * const figure = lossFigure([{ label: "baby", train }], { title: "First run" });
 * await figure.save(`${await Deno.makeTempDir()}/loss.svg`);
 * ```
 *
 * @module
 */

// What every figure is
export { Figure, type FigureOptions } from "./figure.ts";
export type { Matrix } from "./matrix.ts";
export type { ThemeName } from "./theme.ts";

// Training
export { lossFigure, type LossOptions, type LossRun } from "./loss.ts";
export { learningRateFigure } from "./learning_rate.ts";
export type { LearningRateCurve, LearningRateOptions } from "./learning_rate.ts";
export { type LossSeries, parseMetrics, type TrainFigures } from "./metrics.ts";
export { type Curve, curvesFigure, type CurvesOptions } from "./curves.ts";
export { PRACTICAL_CORPUS, practicalRuns } from "./practical.ts";
export { type SeedRuns, seedsFigure, type SeedsOptions } from "./seeds.ts";

// Adapters
export { type AdaptedLayerChange, adapterFigure } from "./adapter.ts";

// Attention and positions
export {
  attentionFigure,
  type AttentionFigureOptions,
  maskFigure,
  type WeightsFigureOptions,
} from "./attention.ts";
export { attentionGridFigure, type AttentionGridOptions } from "./attention_grid.ts";
export { positionsFigure, type PositionsOptions } from "./positions.ts";

// Looking inside
export { scoresFigure, type ScoresOptions } from "./scores.ts";
export { lensFigure, type LensOptions } from "./lens.ts";
export { contributionsFigure, type ContributionsOptions, type PartShare } from "./contributions.ts";
export { histogramFigure, type HistogramOptions } from "./histogram.ts";
export { type TokenValue, tokenValuesFigure, type TokenValuesOptions } from "./token_values.ts";

// Predictions
export { nextTokenFigure, type NextTokenOptions, type TokenProbability } from "./next_token.ts";
export { confusionFigure, type ConfusionOptions } from "./confusion.ts";
export { type MethodPoint, methodsFigure } from "./methods.ts";

// Diagrams
export {
  blockFigure,
  type BlockFigureOptions,
  modelFigure,
  queryKeyValueFigure,
  tokensFigure,
  type TokensFigureOptions,
} from "./diagrams.ts";

// Vectors on a plane
export { embeddingFigure, type EmbeddingOptions, type EmbeddingPoint } from "./embedding.ts";
export {
  type PrincipalComponents,
  principalComponents,
  type PrincipalComponentsOptions,
} from "./principal_components.ts";
export { umap, type UmapOptions } from "./umap.ts";
