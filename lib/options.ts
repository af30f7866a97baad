/**
 * Options objects: an unknown key is an error that names the nearest real one, because `deno run`
 * checks no types and a mistyped option would be ignored.
 *
 * See nearest.ts for the distance between words, errors.ts for the description of values.
 *
 * @module
 */
import { describe } from "./errors.ts";
import { nearest } from "./nearest.ts";

/**
 * The names of all options of type `Options`, as keys of an object whose values are not read, such
 * as their defaults. TypeScript refuses a missing name and an extra one.
 */
export type OptionNames<Options> = Readonly<Record<keyof Options, unknown>>;

/**
 * Names of options in other libraries, in lower case without `_` and `-`, and Folio's names for
 * each. The first one that the operation has is suggested.
 */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  adambeta1: ["beta1"],
  adambeta2: ["beta2"],
  axes: ["axis"],
  batch: ["batchSize"],
  batchsize: ["batch"],
  bf16: ["precision", "weights"],
  blocksize: ["contextLength", "context"],
  ckpt: ["model", "initFrom"],
  clipgradnorm: ["clip"],
  contextsize: ["contextLength", "context"],
  ctxlen: ["contextLength", "context"],
  data: ["dataset"],
  datafile: ["dataset"],
  datapath: ["dataset"],
  dim: ["axis", "width"],
  dims: ["axis"],
  dmodel: ["width"],
  doearlystopping: ["earlyStopping"],
  dosample: ["temperature"],
  dropoutp: ["dropout"],
  dtype: ["precision", "weights"],
  earlystopping: ["patience"],
  earlystoppingpatience: ["patience"],
  embeddim: ["width"],
  embeddingsize: ["width"],
  epochs: ["steps"],
  eps: ["epsilon", "normEpsilon"],
  evaldataset: ["heldOut"],
  evalinterval: ["evalEvery"],
  evaliters: ["evalBatches"],
  evalsteps: ["evalEvery"],
  ffndim: ["hidden"],
  file: ["dataset"],
  fp16: ["precision", "weights"],
  gradclip: ["clip"],
  gradientaccumulationsteps: ["accumulate"],
  gradientclip: ["clip"],
  greedy: ["temperature"],
  hidden: ["width"],
  hiddendim: ["width"],
  hiddensize: ["width"],
  input: ["prompt", "dataset"],
  intermediatesize: ["hidden"],
  iscausal: ["causal"],
  iters: ["steps"],
  keepdim: ["keepDimensions"],
  keepdims: ["keepDimensions"],
  kvheads: ["keyValueHeads"],
  layerstotransform: ["layers"],
  length: ["maxNewTokens"],
  loggingsteps: ["logEvery"],
  loginterval: ["logEvery"],
  loraalpha: ["alpha"],
  lorar: ["rank"],
  lorarank: ["rank"],
  lr: ["learningRate"],
  lrscheduler: ["learningRate"],
  maxgradnorm: ["clip"],
  maxiters: ["steps"],
  maxlen: ["maxNewTokens", "contextLength"],
  maxlength: ["maxNewTokens", "contextLength"],
  maxseqlen: ["contextLength", "context"],
  maxseqlength: ["contextLength", "context"],
  maxsteps: ["steps"],
  maxtokens: ["maxNewTokens"],
  minlength: ["minNewTokens"],
  minlr: ["minLearningRate"],
  mixedprecision: ["precision"],
  model: ["initFrom"],
  modelname: ["model", "initFrom"],
  modelnameorpath: ["model", "initFrom"],
  modelpath: ["model", "initFrom"],
  n: ["sequences"],
  nctx: ["contextLength", "context"],
  nembd: ["width"],
  nembed: ["width"],
  nhead: ["heads"],
  nheads: ["heads"],
  niters: ["steps"],
  nlayer: ["layers"],
  nlayers: ["layers"],
  norepeatngramsize: ["noRepeatNgram"],
  npositions: ["contextLength"],
  npredict: ["maxNewTokens"],
  nthreads: ["threads"],
  ntokens: ["maxNewTokens"],
  numattentionheads: ["heads"],
  numbeams: ["beams"],
  numepochs: ["epochs", "steps"],
  numheads: ["heads"],
  numhiddenlayers: ["layers"],
  numkeyvalueheads: ["keyValueHeads"],
  numlayers: ["layers"],
  numreturnsequences: ["sequences"],
  numsamples: ["sequences"],
  numsteps: ["steps"],
  numthreads: ["threads"],
  numtokens: ["maxNewTokens"],
  numtrainepochs: ["epochs", "steps"],
  numworkers: ["jobs", "threads"],
  outdir: ["out"],
  output: ["out"],
  outputdir: ["out"],
  outputshape: ["shape"],
  overwrite: ["force"],
  overwriteoutputdir: ["force"],
  perdevicetrainbatchsize: ["batchSize", "batch"],
  pretrained: ["initFrom"],
  prompt: ["text"],
  r: ["rank"],
  resumefrom: ["resume"],
  resumefromcheckpoint: ["resume"],
  saveevery: ["checkpointEvery"],
  saveinterval: ["checkpointEvery"],
  savesteps: ["checkpointEvery"],
  saveto: ["out"],
  schedule: ["learningRate"],
  seqlen: ["contextLength", "context"],
  sequencelength: ["contextLength", "context"],
  start: ["prompt"],
  stopsequences: ["stop"],
  stopstrings: ["stop"],
  targetmodules: ["modules"],
  temp: ["temperature"],
  text: ["prompt"],
  tokens: ["queries", "maxNewTokens"],
  totalsteps: ["steps"],
  trainbatchsize: ["batchSize", "batch"],
  traindata: ["dataset"],
  trainfile: ["dataset"],
  userslora: ["rslora"],
  valfile: ["validation"],
  validation: ["heldOut"],
  validationfile: ["validation"],
  warmup: ["warmupSteps"],
  warmupiters: ["warmupSteps"],
  warmupratio: ["warmupSteps"],
  wd: ["weightDecay"],
  workers: ["jobs", "threads"],
};

/**
 * Checks that `given` is an options object with no key but `known`.
 *
 * ```ts
 * import { checkOptions } from "./options.ts";
 * const known = { axis: true, keepDimensions: true };
 * checkOptions("sum", { axis: 0 }, known);
 * try {
 *   checkOptions("sum", { keepdims: true } as object, known);
 * } catch (error) {
 *   // TypeError: sum: unknown option 'keepdims'; did you mean 'keepDimensions'?
 *   console.log(`${error}`);
 * }
 * ```
 *
 * @param operation Start of the message: the public name of a function or class.
 * @param given The options as the caller wrote them.
 * @param known Every option's name, such as `{ axis: true, keepDimensions: true }`.
 * @param hints What to do instead, for names that callers expect here but that belong elsewhere.
 * @throws {TypeError} if `given` is no object of options, or holds an unknown key
 */
export function checkOptions<Options extends object>(
  operation: string,
  given: Options,
  known: OptionNames<Options>,
  hints: Readonly<Record<string, string>> = {},
): void {
  if (!isOptions(given)) {
    const names = Object.keys(known).join(", ");
    throw new TypeError(
      `${operation}: expected an object of options (${names}), got ${describe(given)}` +
        positionalAdvice(given, known),
    );
  }
  for (const name in given) {
    if (!Object.hasOwn(known, name)) throw unknownOption(operation, name, known, hints);
  }
}

/** Whether a value is an object literal, not an array, a promise, a tensor or another instance. */
function isOptions(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What to write instead of an axis or a shape that was passed without its name. */
function positionalAdvice(given: unknown, known: object): string {
  if (typeof given === "number" && "axis" in known && !("start" in known)) {
    return `; write { axis: ${given} }`;
  }
  if (!Array.isArray(given) || given.length > 6 || !("shape" in known)) return "";
  return `; write { shape: [${given.join(", ")}] }`;
}

function unknownOption(
  operation: string,
  name: string,
  known: object,
  hints: Readonly<Record<string, string>>,
): TypeError {
  const names = Object.keys(known);
  const meant = meantOption(name, [...names, ...Object.keys(hints)]);
  const advice = meant === undefined
    ? names.length === 0 ? "it has no options" : `its options are ${names.join(", ")}`
    : hints[meant] ?? `did you mean '${meant}'?`;
  return new TypeError(`${operation}: unknown option '${name}'; ${advice}`);
}

/**
 * The known name that is meant by a mistyped or foreign one, of an option or of a command's flag;
 * undefined if none is near.
 */
export function meantOption(name: string, names: readonly string[]): string | undefined {
  const letters = lettersOf(name);
  const synonyms = Object.hasOwn(SYNONYMS, letters) ? SYNONYMS[letters] : [];
  for (const spelling of [letters, ...synonyms.map(lettersOf)]) {
    const same = names.find((candidate) => lettersOf(candidate) === spelling);
    if (same !== undefined) return same;
  }
  return nearest(name, names);
}

/** A name without case, underscores and hyphens: `max_new_tokens` is `maxNewTokens`. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}
