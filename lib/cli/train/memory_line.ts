/**
 * What training takes of the device's memory, in one line.
 *
 * @module
 */
import type { MemoryReport } from "../../train/trainer.ts";
import { formatBytes } from "../numbers.ts";

/** For example `memory   3.24 MB parameters, 3.24 MB gradients, …`, after a first step. */
export function memoryLine(report: MemoryReport): string {
  const { parameters, gradients, optimizer, activations, scratch } = report;
  const parts = [
    `${formatBytes(parameters)} parameters`,
    `${formatBytes(gradients)} gradients`,
    `${formatBytes(optimizer)} optimizer`,
    `${formatBytes(activations)} activations`,
  ];
  if (scratch > 0) parts.push(`${formatBytes(scratch)} scratch`);
  return `memory   ${parts.join(", ")}`;
}
