/** The nodes that have a stream open at this hub. */
export class ConnectedNodes {
  #streams = new Map<string, number>();

  /** Counts a stream; the function that it returns, called once, ends it. */
  enter(node: string): () => void {
    this.#streams.set(node, (this.#streams.get(node) ?? 0) + 1);
    return () => {
      const left = (this.#streams.get(node) ?? 1) - 1;
      if (left > 0) this.#streams.set(node, left);
      else this.#streams.delete(node);
    };
  }

  has(node: string): boolean {
    return this.#streams.has(node);
  }

  names(): string[] {
    return [...this.#streams.keys()];
  }

  /** Streams, not nodes: while a node's old connection has not been missed yet it has two. */
  get streams(): number {
    let sum = 0;
    for (const count of this.#streams.values()) sum += count;
    return sum;
  }
}
