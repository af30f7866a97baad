/**
 * The trained model that ships with Folio.
 *
 * @module
 */

/**
 * The folder of a small model of Shakespeare's characters that Folio has trained (0.9 MB; see
 * `data/models/README.md`), for `loadPretrained`: in a clone a `file:` address, otherwise an
 * address on the network.
 *
 * ```ts
 * import { loadPretrained, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { model } = await loadPretrained(SHIPPED_RUN);
 * console.log(model.parameterCount); // 454848
 * device.close();
 * ```
 */
export const SHIPPED_RUN: URL = new URL("../../data/models/shakespeare/", import.meta.url);
