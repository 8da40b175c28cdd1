import type { Family } from '@caracal/net';
import type { IpsetResult, IpsetWriter, SavedSet } from 'iptables-wrapper';
import type { DesiredSets, MemberChanges } from '../state/desired-sets.ts';
import { changeDirectly, type DirectSets } from './direct-sets.ts';
import { type SetLine, setLines } from './set-lines.ts';

/** Lines written at once; more would keep a reader of the answer waiting for long. */
const linesAtOnce = 10_000;

/** A set that the kernel refused, or a change of it. */
export interface RefusedSet {
  readonly set: string;
  readonly message: string;
}

export type SetsResult =
  | { readonly ok: true }
  /** ipset refused some lines. Sets are named when each line was asked for (`careful`). */
  | { readonly ok: false; readonly refused: readonly RefusedSet[]; readonly message: string };

/** What is to be told to ipset. */
export interface SetPlan {
  readonly lines: readonly SetLine[];
  /** The sets that are changed, and how many members they will have room for. */
  readonly maxElements: ReadonlyMap<string, number>;
  /** Some of them are not in the kernel yet, so no rule can name them before. */
  readonly creates: boolean;
}

/** Brings the sets of the kernel to the desired ones: changes and new sets first, destroying on request afterwards. */
export class SetApplier {
  readonly #writer: IpsetWriter;
  readonly #desired: DesiredSets;
  readonly #family: Family;
  readonly #direct: DirectSets | undefined;
  /** Our sets in the kernel and the number of members that they have room for. */
  #kernel = new Map<string, number>();
  /** Those of them that are not desired any more. */
  #undesired = new Set<string>();

  constructor(writer: IpsetWriter, desired: DesiredSets, family: Family, direct?: DirectSets) {
    this.#family = family;
    this.#direct = direct;
    this.#writer = writer;
    this.#desired = desired;
  }

  /**
   * The kernel was read: what differs from the desired sets becomes a change to write. Answers with the names that do.
   * Broken sets, which the kernel has refused, are left alone.
   */
  observe(kernel: ReadonlyMap<string, SavedSet>, isBroken: (name: string) => boolean): string[] {
    this.#kernel = new Map([...kernel].map(([name, set]) => [name, set.maxElements ?? 0]));
    this.#undesired = new Set([...kernel.keys()].filter((name) => !this.#desired.get(name)));
    const differing: string[] = [];
    for (const name of this.#desired.names()) {
      if (isBroken(name)) {
        this.#desired.forgetChanges(name);
        continue;
      }
      const desired = this.#desired.get(name);
      const found = kernel.get(name);
      const changes: MemberChanges = new Map();
      for (const member of desired?.members ?? []) if (!found?.members.has(member)) changes.set(member, true);
      for (const member of found?.members ?? []) if (!desired?.members.has(member)) changes.set(member, false);
      if (found || changes.size > 0) this.#desired.note(name, changes);
      else this.#desired.noteMissing(name);
      if (!found || changes.size > 0) differing.push(name);
    }
    return differing;
  }

  /** All changes of desired sets, which count as taken. */
  plan(): SetPlan {
    const lines: SetLine[] = [];
    const maxElements = new Map<string, number>();
    let creates = false;
    for (const [name, changes] of this.#desired.take()) {
      const set = this.#desired.get(name);
      if (!set) {
        if (this.#kernel.has(name)) this.#undesired.add(name);
        continue;
      }
      this.#undesired.delete(name);
      creates ||= !this.#kernel.has(name);
      const plan = setLines(set, changes, this.#kernel.get(name), this.#family);
      lines.push(...plan.lines);
      maxElements.set(name, plan.maxElements);
    }
    return { lines, maxElements, creates };
  }

  /** `careful` costs twice, and tells which set a refusal is about. */
  async apply({ lines, maxElements }: SetPlan, careful: boolean): Promise<SetsResult> {
    const done = this.#direct && changeDirectly(this.#direct, lines, this.#desired);
    const result: SetsResult = done ? { ok: true } : await this.#write(lines, careful);
    // Also after a refusal: then the caller reads the kernel anew.
    for (const [name, count] of maxElements) this.#kernel.set(name, count);
    return result;
  }

  /**
   * Destroys our sets that are not desired; to be called when no rule refers to them any more. Those still in use stay
   * for another time: the kernel lets go of a rule's sets a moment after the rule. Answers whether any are left.
   */
  async destroyUndesired(keep: (name: string) => boolean): Promise<boolean> {
    const names = [...this.#undesired].filter((name) => !keep(name));
    if (names.length === 0) return false;
    const lines = names.map((name) => ({ set: name, line: `destroy ${name}` }));
    const result = await this.#write(lines, true);
    const kept = new Set(result.ok ? [] : result.refused.map(({ set }) => set));
    if (!result.ok && kept.size === 0) return true;
    for (const name of names) {
      if (kept.has(name)) continue;
      this.#kernel.delete(name);
      this.#undesired.delete(name);
    }
    return kept.size > 0;
  }

  /** Whether there is anything to destroy. */
  get hasUndesired(): boolean {
    return this.#undesired.size > 0;
  }

  async #write(lines: readonly SetLine[], eachLine: boolean): Promise<SetsResult> {
    const refused: RefusedSet[] = [];
    const messages: string[] = [];
    for (let start = 0; start < lines.length; start += linesAtOnce) {
      const part = lines.slice(start, start + linesAtOnce);
      const result: IpsetResult = await this.#writer.apply(
        part.map(({ line }) => line),
        eachLine,
      );
      if (result.ok) continue;
      if (result.reason !== 'refused') return { ok: false, refused: [], message: result.message };
      for (const { message, line } of result.errors) {
        messages.push(message);
        if (line !== undefined)
          refused.push({ set: part[line].set, message: `ipset refuses ${part[line].line}: ${message}` });
      }
    }
    return messages.length === 0 ? { ok: true } : { ok: false, refused, message: messages.slice(0, 3).join('; ') };
  }
}
