/**
 * A trie over UTF-16 units, for vocabularies of a million tokens: a node takes 12 bytes and a place
 * in a hash table of its edges. Unigram models and added tokens search with it.
 *
 * @module
 */

import { malformed } from "./tokenizer_file.ts";

const EMPTY = 0; // the root is no child
/** Integers of a node: its parent, the unit of the edge to it, and its value. */
const FIELDS = 3;
/** The maximum of all texts together, in units: about twice the largest public vocabulary. */
const MAXIMUM_UNITS = 12_000_000;

/** Texts with their values, integers from 0 on. Nodes are numbered from 0, the root. */
export class UnitTrie {
  #nodes = new Int32Array(FIELDS * 64).fill(-1);
  #size = 1;
  #slots = new Int32Array(128);
  #units = 0;

  /**
   * Adds a text, or gives the one that is there another value.
   *
   * @throws {SyntaxError} if the texts are too long together
   */
  insert(text: string, value: number): void {
    this.#units += text.length;
    if (this.#units > MAXIMUM_UNITS) {
      throw malformed("tokens", `at most ${MAXIMUM_UNITS} characters together`, this.#units);
    }
    let node = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      const slot = this.#slotOf(node, unit);
      node = this.#slots[slot] === EMPTY ? this.#add(node, unit, slot) : this.#slots[slot];
    }
    this.#nodes[FIELDS * node + 2] = value;
  }

  /** The node that an edge leads to, or −1. */
  child(node: number, unit: number): number {
    const child = this.#slots[this.#slotOf(node, unit)];
    return child === EMPTY ? -1 : child;
  }

  /** The value of the text that ends at a node, or −1. */
  value(node: number): number {
    return this.#nodes[FIELDS * node + 2];
  }

  #add(parent: number, unit: number, slot: number): number {
    const node = this.#size++;
    if (FIELDS * this.#size > this.#nodes.length) {
      const larger = new Int32Array(2 * this.#nodes.length).fill(-1, this.#nodes.length);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    this.#nodes[FIELDS * node] = parent;
    this.#nodes[FIELDS * node + 1] = unit;
    this.#slots[slot] = node;
    if (2 * this.#size > this.#slots.length) this.#grow();
    return node;
  }

  /** The place of an edge in the table, or an empty one. */
  #slotOf(parent: number, unit: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(parent, 0x9E3779B1) ^ Math.imul(unit, 0x85EBCA6B);
    hash ^= hash >>> 15;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const node = this.#slots[slot];
      if (node === EMPTY) return slot;
      const at = FIELDS * node;
      if (this.#nodes[at] === parent && this.#nodes[at + 1] === unit) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let node = 1; node < this.#size; node++) {
      const [parent, unit] = [this.#nodes[FIELDS * node], this.#nodes[FIELDS * node + 1]];
      this.#slots[this.#slotOf(parent, unit)] = node;
    }
  }
}
