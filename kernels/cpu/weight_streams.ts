/**
 * The order in which a chunk of half_linear.ts or quantized_linear.ts reads its rows of W: equal
 * parts of them together, as streams, then the rest one at a time.
 *
 * @module
 */
import type { FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { Share } from "../../lib/device/kernel_builder.ts";
import type { Epilogue } from "./matmul_epilogue.ts";
import { spaced, sumsOfFour } from "./matmul_rows.ts";
import type { Lanes } from "./rows.ts";

/** Columns that go through the epilogue together. */
const SIDE = 4;

/** Rows of W, and what is done with them. */
export interface Streams {
  /** How many rows of W are read together. */
  readonly width: number;
  /** The chunk's first row of W, and the bytes of each. */
  readonly b: I32;
  readonly rowBytes: I32;
  /** The chunk's rows of W. */
  readonly share: Share;
  /**
   * The products of each row of W at `from`, which advance, with each row of A, four partial sums
   * in each.
   */
  dots(from: I32[]): V128[][];
  /** The first of the rows of A and of C. */
  readonly row: I32;
  /** Columns of C. */
  readonly n: I32;
  /** Stores the products. */
  readonly finish: Epilogue;
}

/** Emits the chunk's columns. */
export function emitStreams(
  f: FunctionBuilder,
  { width, b, rowBytes, share: { start, count }, dots, row, n, finish }: Streams,
): void {
  /** The sums of one column, or of the four from it on, and the r-th row of A. */
  const end = (sums: V128[], column: I32, r: number, count: Lanes["count"]) => {
    const at = f.i32(column.inBytes());
    const offset = f.i32(row.add(r).mul(n).inBytes().add(at));
    finish(sumsOfFour(f, sums), at, offset, count);
  };
  const apart = f.i32(count.divU(SIDE * width).mul(SIDE));
  const from = spaced(f, width, b, apart.mul(rowBytes));
  const column = f.i32(start);
  f.for(0, apart, SIDE, () => {
    const sums = Array.from({ length: SIDE }, () => dots(from));
    from.forEach((_, i) =>
      sums[0][i].forEach((_, r) => {
        end(sums.map((each) => each[i][r]), column.add(apart.mul(i)), r, "four");
      })
    );
    f.set(column, column.add(SIDE));
  });
  const done = f.i32(apart.mul(width));
  f.set(column, start.add(done));
  f.for(done, count, 1, () => {
    dots([from[width - 1]])[0].forEach((x, r) => end([x, x, x, x], column, r, "one"));
    f.set(column, column.add(1));
  });
}
