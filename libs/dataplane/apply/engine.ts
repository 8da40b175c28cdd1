import { channel } from 'node:diagnostics_channel';
import type { Family } from '@caracal/net';
import {
  buildTransaction,
  type IpsetWriter,
  isEmptyEdit,
  type Processes,
  type RestoreFailure,
  type RestoreWriter,
  type TableEdit,
} from 'iptables-wrapper';
import type { Logger } from '../logger.ts';
import { fixedSets } from '../render/names.ts';
import { filterJumps, natJumps } from '../render/static-chains.ts';
import type { DesiredNat } from '../state/desired-nat.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { formatProblem } from '../state/problems.ts';
import { delay } from './delay.ts';
import { inspectInterface, inspectTable } from './inspect.ts';
import { readKernel } from './kernel-state.ts';
import { failureMessage, findRefusedChains } from './refused-chains.ts';
import type { SetApplier } from './set-applier.ts';
import { TableBelief } from './table-belief.ts';

/** The kernel lets go of a rule's sets some milliseconds after the rule; sets are destroyed that much later. */
const sweepDelayMs = 250;

/** Who measures or breaks off an ADD hears of its steps here; see the agent's. */
const steps = channel('caracal:step');

interface Inspector {
  readonly interfaceName: string;
  readonly resolve: (problems: readonly string[]) => void;
  readonly reject: (error: Error) => void;
}

interface Waiter {
  readonly resolve: (repaired: readonly string[]) => void;
  readonly reject: (error: Error) => void;
}

type Outcome =
  /** The kernel holds the desired state as it was when the attempt began, or newer. */
  | { readonly ok: true; readonly repaired: readonly string[] }
  /** What was at fault is closed now: try again at once. */
  | { readonly ok: false; readonly again: 'at once' }
  | { readonly ok: false; readonly again: 'later'; readonly message: string };

export interface EngineParts {
  readonly family: Family;
  readonly state: DesiredState;
  readonly nat: DesiredNat;
  readonly sets: SetApplier;
  readonly rules: RestoreWriter;
  readonly ipset: IpsetWriter;
  readonly processes: Processes;
  readonly logger: Logger;
}

/**
 * Brings the kernel to the desired state: one attempt at a time, each for everything that has changed until then. An
 * attempt writes what has changed; after any failure, and when asked, the kernel is read and everything compared.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #filter = new TableBelief('filter');
  readonly #nat = new TableBelief('nat');
  readonly #stopping = new AbortController();
  #waiters: Waiter[] = [];
  /** For whom an attempt is under way. */
  #attempted: Waiter[] = [];
  #inspectors: Inspector[] = [];
  #running: Promise<void> | undefined;
  /** Desired rules exist at all; until then those of the process before us stand. */
  #rulesKnown = false;
  #poolsKnown = false;
  #due = false;
  #mustRead = true;
  /** ipset has refused something: have it name the line. */
  #careful = false;
  #sweepDue = false;
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** The desired state has changed; resolves when the kernel holds it. Rejects when stopped before. */
  changed(part: 'rules' | 'pools' | 'service ranges' | 'host ports'): Promise<unknown> {
    if (this.#parts.state.takeMended()) this.#mustRead = true;
    // Service ranges are in a chain that is written with the first rules, whenever these come.
    if (part === 'rules' && !this.#rulesKnown) this.#mustRead = this.#rulesKnown = true;
    if (part === 'pools' && !this.#poolsKnown) this.#mustRead = this.#poolsKnown = true;
    return this.#wait();
  }

  /** Compares the kernel with the desired state and repairs it; resolves to the names of what was not as it should be. */
  resync(): Promise<readonly string[]> {
    this.#parts.state.reopen();
    this.#parts.nat.reopen();
    this.#mustRead = true;
    return this.#wait();
  }

  /** Sentences on what packets of the interface meet in the kernel that is not as desired; none while rules of a process before us stand. */
  inspect(interfaceName: string): Promise<readonly string[]> {
    if (this.#stopping.signal.aborted) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      this.#inspectors.push({ interfaceName, resolve, reject });
      this.#kick();
    });
  }

  /** Ends the writers; everything stays in the kernel. Who waits is told at once, not when a writer that hangs has been given up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#sweepTimer);
    const waiting = [...this.#attempted.splice(0), ...this.#waiters.splice(0), ...this.#inspectors.splice(0)];
    for (const { reject } of waiting) reject(stopped());
    await this.#running;
    await Promise.all([this.#parts.rules.stop(), this.#parts.ipset.stop()]);
  }

  #wait(): Promise<readonly string[]> {
    if (this.#stopping.signal.aborted) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#due = true;
      this.#kick();
    });
  }

  #kick(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // What changes in the same turn goes together.
    await undefined;
    let failures = 0;
    try {
      while ((this.#due || this.#sweepDue || this.#inspectors.length > 0) && !this.#stopping.signal.aborted) {
        if (!this.#due) {
          // What is desired has been written, and nothing is written meanwhile.
          if (this.#inspectors.length > 0) await this.#inspect();
          else await this.#sweep();
          continue;
        }
        this.#due = false;
        this.#attempted = this.#waiters.splice(0);
        const outcome = await this.#attempt().catch(
          (error: Error): Outcome => ({ ok: false, again: 'later', message: error.message }),
        );
        if (outcome.ok) {
          failures = 0;
          for (const waiter of this.#attempted.splice(0)) waiter.resolve(outcome.repaired);
          continue;
        }
        this.#waiters.unshift(...this.#attempted.splice(0));
        this.#mustRead = true;
        this.#due = true;
        if (outcome.again === 'at once') continue;
        failures++;
        this.#parts.logger.warn({ failures }, `dataplane: not in the kernel yet: ${outcome.message}`);
        // The first time it may just have been a writer that was killed.
        if (failures > 1) await delay(Math.min(5000, 50 * 2 ** failures), this.#stopping.signal);
      }
    } finally {
      // In the turn in which nothing was found to be due: whoever asks after that starts it again.
      this.#running = undefined;
    }
  }

  async #attempt(): Promise<Outcome> {
    const { state, nat, sets, rules } = this.#parts;
    const mustRead = this.#mustRead;
    // Before reading: who asks for it meanwhile may know of something that this reading has missed.
    this.#mustRead = false;
    const kernel = mustRead ? await readKernel(this.#parts.processes, this.#parts.family) : undefined;
    // From here to the first await everything belongs to one moment of the desired state.
    const changed = new Set(state.takeChangedChains());
    const changedNat = nat.takeChangedChains();
    const repaired: string[] = [];
    if (kernel) {
      const pending = new Set(state.sets.changedNames());
      repaired.push(...sets.observe(kernel.sets, (name) => state.isBroken(name)).filter((name) => !pending.has(name)));
    }
    const filter = this.#filterEdit(changed, kernel);
    const translation = this.#natEdit(changedNat, kernel);
    const edits = translation ? [filter, translation] : [filter];
    const names = edits.flatMap((edit) => namesIn(edit));
    repaired.push(...names.filter((name) => !changed.has(name) && !changedNat.has(name)));
    const plan = sets.plan();
    const transaction = buildTransaction(edits);
    const writeSets = async () => {
      const written = await sets.apply(plan, this.#careful);
      if (written.ok && steps.hasSubscribers) steps.publish('rules: sets written');
      return written;
    };
    // Nobody uses an endpoint that comes before both are known to be in the kernel.
    const inOrder =
      kernel || plan.creates || (translation && !isEmptyEdit(translation)) || !this.#filter.concernsNobodyElse(filter);
    const setsWritten = writeSets();
    if (inOrder) {
      const written = await setsWritten;
      if (!written.ok) return this.#setsRefused(written);
    }
    const [written, result] = await bothOf(setsWritten, rules.apply(transaction));
    if (!written.ok) return this.#setsRefused(written);
    this.#careful = false;
    if (!result.ok) return this.#rulesRefused(filter, result, transaction.lines);
    this.#filter.wrote(filter);
    if (translation) this.#nat.wrote(translation);
    if (sets.hasUndesired) this.#sweepLater();
    return { ok: true, repaired };
  }

  /** One reading of the kernel answers all who ask. */
  async #inspect(): Promise<void> {
    const inspectors = this.#inspectors.splice(0);
    const { state, nat, family, processes } = this.#parts;
    try {
      const kernel = this.#rulesKnown ? await readKernel(processes, family) : undefined;
      const pending = new Set([...state.changedChains(), ...nat.changedChains(), ...state.sets.changedNames()]);
      const filter = inspectTable(kernel?.filter, { table: 'filter', chains: state.chains, jumps: filterJumps });
      const translation = () =>
        inspectTable(kernel?.nat, { table: 'nat', chains: nat.chains, jumps: natJumps(family) });
      const tables = this.#poolsKnown ? [filter, translation()] : [filter];
      for (const { interfaceName, resolve } of inspectors) {
        const isPending = (name: string) => pending.has(name) || state.isBroken(name);
        const desiredSet = (name: string) => state.sets.get(name);
        resolve(kernel ? inspectInterface(interfaceName, tables, kernel.sets, desiredSet, isPending) : []);
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of inspectors) reject(failure);
    }
  }

  #filterEdit(changed: Iterable<string>, kernel: Awaited<ReturnType<typeof readKernel>> | undefined): TableEdit {
    const { chains } = this.#parts.state;
    if (!this.#rulesKnown) return this.#filter.editOf([], chains);
    if (kernel) return this.#filter.observe(kernel.filter, { chains, jumps: filterJumps });
    return this.#filter.editOf(changed, chains);
  }

  /** Nothing before the pools are known: until then what was before us stands. */
  #natEdit(
    changed: Iterable<string>,
    kernel: Awaited<ReturnType<typeof readKernel>> | undefined,
  ): TableEdit | undefined {
    const { chains } = this.#parts.nat;
    if (!this.#poolsKnown) return undefined;
    if (kernel) return this.#nat.observe(kernel.nat, { chains, jumps: natJumps(this.#parts.family) });
    return this.#nat.editOf(changed, chains);
  }

  #setsRefused(result: { refused: readonly { set: string; message: string }[]; message: string }): Outcome {
    if (result.refused.length === 0) {
      const again = this.#careful ? ('later' as const) : ('at once' as const);
      this.#careful = true;
      return { ok: false, again, message: result.message };
    }
    for (const { set, message } of result.refused) this.#report(this.#parts.state.breakSet(set, message));
    return { ok: false, again: 'at once' };
  }

  async #rulesRefused(filter: TableEdit, failure: RestoreFailure, lines: readonly string[]): Promise<Outcome> {
    const { state, nat, rules } = this.#parts;
    const message = failureMessage(failure, lines);
    if (failure.reason === 'rejected' && failure.chain !== undefined && nat.refuse(failure.chain, message)) {
      this.#parts.logger.error({ chain: failure.chain }, `dataplane: the kernel refuses ports of the node: ${message}`);
      return { ok: false, again: 'at once' };
    }
    if (failure.reason === 'rejected' && failure.chain !== undefined && state.canClose(failure.chain)) {
      this.#report(state.close(failure.chain, message));
      return { ok: false, again: 'at once' };
    }
    const suspects = [...filter.chains.keys()].filter((chain) => state.canClose(chain));
    if (failure.reason === 'died' || suspects.length === 0) return { ok: false, again: 'later', message };
    const refused = await findRefusedChains(rules, this.#filter, filter, suspects, (chain) => state.standIn(chain));
    if (!refused) return { ok: false, again: 'later', message };
    for (const { chain, message } of refused) this.#report(state.close(chain, message));
    return { ok: false, again: refused.length > 0 ? 'at once' : 'later', message };
  }

  #report(problem: Parameters<typeof formatProblem>[0] | undefined): void {
    if (problem) this.#parts.logger.error({ problem }, `dataplane: fails closed: ${formatProblem(problem)}`);
  }

  #sweepLater(): void {
    this.#sweepTimer ??= setTimeout(() => {
      this.#sweepTimer = undefined;
      this.#sweepDue = true;
      this.#kick();
    }, sweepDelayMs).unref();
  }

  /** Destroys sets that nothing refers to any more. */
  async #sweep(): Promise<void> {
    this.#sweepDue = false;
    // Until the rules are ours, those before us may refer to their sets.
    if (!this.#rulesKnown) return;
    const fixed = Object.values(fixedSets[this.#parts.family]);
    const keep = (name: string) => !this.#poolsKnown && fixed.some((set) => set.name === name);
    const left = await this.#parts.sets.destroyUndesired(keep);
    if (left) this.#sweepLater();
  }
}

/** The results of both when both have ended, though one of them failed. */
async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

const stopped = () => new Error('the dataplane is stopped');

function namesIn(edit: TableEdit): string[] {
  if (isEmptyEdit(edit)) return [];
  const jumps = [...edit.insertedRules, ...edit.deletedRules].map(({ chain }) => `jump from ${chain}`);
  return [...edit.chains.keys(), ...edit.removedChains, ...new Set(jumps)];
}
