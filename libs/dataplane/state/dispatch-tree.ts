import type { DispatchNode } from '../render/dispatch.ts';
import { podInterfacePrefix } from '../render/names.ts';

/** A node with more interfaces than this is divided by the next character. */
const capacity = 16;

interface Node {
  readonly prefix: string;
  /** All names at and below the node. */
  readonly names: Set<string>;
  /** By prefix; undefined while the node names its interfaces itself. */
  children: Map<string, Node> | undefined;
}

/**
 * The interfaces that are known, as a tree by the characters of their names: finding one costs a packet few rules, and
 * adding one changes the chains of the way to it alone. Its shape depends on the names only, and its order on when they came.
 */
export class DispatchTree {
  readonly #root: Node = { prefix: podInterfacePrefix, names: new Set(), children: undefined };
  readonly #nodes = new Map<string, Node>([[podInterfacePrefix, this.#root]]);

  has(name: string): boolean {
    return this.#root.names.has(name);
  }

  /** Adds the name (which begins with `cara`); answers with the prefixes of the nodes that changed. */
  add(name: string): ReadonlySet<string> {
    const changed = new Set<string>();
    if (!this.has(name)) this.#insert(this.#root, name, changed);
    return changed;
  }

  remove(name: string): ReadonlySet<string> {
    const changed = new Set<string>();
    if (this.has(name)) this.#delete(this.#root, name, changed);
    return changed;
  }

  /**
   * The node of a prefix, or undefined when there is none (any more). What came last comes first: a rule at the front is the cheapest to
   * insert, and of one node no two match the same name.
   */
  node(prefix: string): DispatchNode | undefined {
    const node = this.#nodes.get(prefix);
    if (!node) return undefined;
    const interfaces = node.children ? (node.names.has(prefix) ? [prefix] : []) : [...node.names].reverse();
    return { prefix, interfaces, children: [...(node.children?.keys() ?? [])].reverse() };
  }

  prefixes(): Iterable<string> {
    return this.#nodes.keys();
  }

  #insert(node: Node, name: string, changed: Set<string>): void {
    node.names.add(name);
    if (!node.children) {
      changed.add(node.prefix);
      if (node.names.size > capacity) {
        node.children = new Map();
        for (const each of node.names) this.#insertBelow(node, node.children, each, changed);
      }
      return;
    }
    this.#insertBelow(node, node.children, name, changed);
  }

  #insertBelow(node: Node, children: Map<string, Node>, name: string, changed: Set<string>): void {
    if (name === node.prefix) {
      changed.add(node.prefix);
      return;
    }
    const prefix = name.slice(0, node.prefix.length + 1);
    let child = children.get(prefix);
    if (!child) {
      child = { prefix, names: new Set(), children: undefined };
      children.set(prefix, child);
      this.#nodes.set(prefix, child);
      changed.add(node.prefix);
    }
    this.#insert(child, name, changed);
  }

  #delete(node: Node, name: string, changed: Set<string>): void {
    node.names.delete(name);
    if (!node.children || name === node.prefix) changed.add(node.prefix);
    if (!node.children) return;
    if (node.names.size <= capacity) {
      this.#forgetBelow(node, changed);
      changed.add(node.prefix);
      return;
    }
    if (name === node.prefix) return;
    const prefix = name.slice(0, node.prefix.length + 1);
    const child = node.children.get(prefix);
    if (!child) return;
    this.#delete(child, name, changed);
    if (child.names.size > 0) return;
    node.children.delete(prefix);
    this.#nodes.delete(prefix);
    changed.add(prefix).add(node.prefix);
  }

  #forgetBelow(node: Node, changed: Set<string>): void {
    for (const child of node.children?.values() ?? []) {
      this.#forgetBelow(child, changed);
      this.#nodes.delete(child.prefix);
      changed.add(child.prefix);
    }
    node.children = undefined;
  }
}
