/** What a handle holds: its addresses, and the agent's own description of the endpoint. */
export interface Assignment {
  readonly handle: string;
  readonly addresses: readonly string[];
  readonly endpoint: Readonly<Record<string, unknown>>;
}

/**
 * Who holds what. Of one handle the last assignment counts. An address can have several holders: a journal that is an old one knows a
 * former one, and the kernel says who has it now. Nobody holds it any more when the last of them is gone.
 */
export class Assignments {
  readonly #byHandle = new Map<string, Assignment>();
  /** Holders of an address. */
  readonly #holders = new Map<string, number>();

  get(handle: string): Assignment | undefined {
    return this.#byHandle.get(handle);
  }

  values(): IterableIterator<Assignment> {
    return this.#byHandle.values();
  }

  get size(): number {
    return this.#byHandle.size;
  }

  /** In place of what the handle held; gives the addresses that nobody holds any more. */
  set(assignment: Assignment): string[] {
    for (const address of assignment.addresses) this.#holders.set(address, (this.#holders.get(address) ?? 0) + 1);
    const former = this.#byHandle.get(assignment.handle);
    this.#byHandle.set(assignment.handle, assignment);
    return this.#withdraw(former);
  }

  /** Gives the addresses that nobody holds any more. */
  delete(handle: string): string[] {
    const former = this.#byHandle.get(handle);
    this.#byHandle.delete(handle);
    return this.#withdraw(former);
  }

  #withdraw(former: Assignment | undefined): string[] {
    return (former?.addresses ?? []).filter((address) => {
      const left = (this.#holders.get(address) ?? 1) - 1;
      if (left > 0) this.#holders.set(address, left);
      else this.#holders.delete(address);
      return left === 0;
    });
  }
}
