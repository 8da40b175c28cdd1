import type { PolicyDelta } from '@caracal/policy';
import { createIpsetWriter, createRestoreWriter, type Processes, systemProcesses } from 'iptables-wrapper';
import { Engine } from './apply/engine.ts';
import { closeIpv6 } from './apply/ipv6.ts';
import { SetApplier } from './apply/set-applier.ts';
import type { Logger } from './logger.ts';
import { ipv4Net } from './render/conditions.ts';
import type { HostPort } from './render/host-ports.ts';
import { marksOf } from './render/marks.ts';
import { poolSets, temporaryPoolSets } from './render/names.ts';
import { DesiredNat } from './state/desired-nat.ts';
import { DesiredState } from './state/desired-state.ts';
import type { DataplaneProblem } from './state/problems.ts';

export interface DataplaneOptions {
  readonly logger: Logger;
  /** How commands are started; in the network namespace of this process unless given. */
  readonly processes?: Processes;
  /** The bits of packet marks that are ours, at least four; 0xffff0000 unless given. */
  readonly markMask?: number;
  /** After how long a writer that does not answer is killed; 10 s unless given. */
  readonly writerTimeoutMs?: number;
}

/** An address pool, as far as it matters for address translation. */
export interface Pool {
  /** `10.0.0.0/16`; pools of IPv6 are ignored for now. */
  readonly cidr: string;
  /** Pods of this pool reach what is outside all pools with their node's address. */
  readonly natOutgoing: boolean;
}

export interface Dataplane {
  /** Starts the writers and closes pods' interfaces to IPv6. Rejects when iptables or ipset can't be used. */
  start(): Promise<void>;
  /**
   * Takes over the difference to the state before, and resolves when the kernel holds it: everything of it that the
   * kernel accepts, and closed chains for the rest (see `problems`). The first update is the complete state: with it all
   * of ours that a process before us left and that is not in it goes, in the same transaction. Failures are retried, so
   * this rejects only when stopped.
   */
  update(delta: PolicyDelta): Promise<void>;
  /** All pools there are. Until the first call the translation rules of a process before us stand. */
  setPools(pools: readonly Pool[]): Promise<void>;
  /** The ranges of services' addresses that this node announces; what comes for them and is for no service is refused. */
  setServiceRanges(cidrs: readonly string[]): Promise<void>;
  /**
   * The node's ports that lead to an endpoint, in place of those of before; none takes them away. Resolves when the kernel holds them, to the
   * reason when it refuses; rejects when stopped. In the kernel once pools are known. Of two endpoints that want one port the later has it.
   */
  setHostPorts(endpoint: string, ports: readonly HostPort[]): Promise<string | undefined>;
  /**
   * Reads the kernel, compares, repairs; also gives what was refused another chance. Resolves to the names of the
   * chains, sets and jumps that somebody had changed.
   */
  resync(): Promise<readonly string[]>;
  /** What is not enforced as asked for and therefore closed. */
  problems(): readonly DataplaneProblem[];
  /** Ends the writers; rules and sets stay. */
  stop(): Promise<void>;
  /** The writers' processes, while they run. */
  readonly writerPids: readonly number[];
}

/** The dataplane of the network namespace in which `processes` run. Nothing is done before `start`. */
export function createDataplane(options: DataplaneOptions): Dataplane {
  const { logger, processes = systemProcesses(), markMask = 0xffff0000, writerTimeoutMs = 10_000 } = options;
  const state = new DesiredState(marksOf(markMask));
  const nat = new DesiredNat(state.sets);
  const rules = createRestoreWriter({ family: 4, processes, timeoutMs: writerTimeoutMs });
  const ipset = createIpsetWriter({ processes, timeoutMs: writerTimeoutMs });
  const sets = new SetApplier(ipset, state.sets);
  const engine = new Engine({ state, nat, sets, rules, ipset, processes, logger });

  return {
    async start() {
      rules.start();
      ipset.start();
      await closeIpv6(processes, writerTimeoutMs);
    },
    async update(delta) {
      state.update(delta);
      await engine.changed('rules');
    },
    async setPools(pools) {
      const ipv4 = pools.flatMap(({ cidr, natOutgoing }) => {
        const net = ipv4Net(cidr);
        return net === undefined || net === 'other' ? [] : [{ net: net.replace(/\/32$/, ''), natOutgoing }];
      });
      const members = {
        all: new Set(ipv4.map(({ net }) => net)),
        masquerade: new Set(ipv4.filter(({ natOutgoing }) => natOutgoing).map(({ net }) => net)),
      };
      for (const key of ['all', 'masquerade'] as const) {
        const set = { name: poolSets[key], temporaryName: temporaryPoolSets[key], type: 'hash:net' as const };
        state.sets.replace(set, members[key]);
      }
      await engine.changed('pools');
    },
    async setServiceRanges(cidrs) {
      const nets = cidrs.map((cidr) => ipv4Net(cidr));
      state.setServiceRanges(nets.flatMap((net) => (net === undefined || net === 'other' ? [] : [net])));
      if (state.hasChangedChains) await engine.changed('service ranges');
    },
    async setHostPorts(endpoint, ports) {
      if (!nat.setHostPorts(endpoint, ports)) return undefined;
      for (const { protocol, hostPort, podAddress } of nat.rivals(endpoint)) {
        const port = `${protocol} ${hostPort}`;
        logger.warn({ endpoint, port, other: podAddress }, 'two pods want one port of the node: the later has it');
      }
      await engine.changed('host ports');
      return nat.problemOf(endpoint);
    },
    async resync() {
      const [ipv6, ipv4] = await Promise.all([closeIpv6(processes, writerTimeoutMs), engine.resync()]);
      const repaired = [...ipv4, ...ipv6.map((name) => `${name} (IPv6)`)];
      if (repaired.length > 0) logger.warn({ repaired }, 'dataplane: repaired what somebody else had changed');
      return repaired;
    },
    problems: () => state.problems(),
    stop: () => engine.stop(),
    get writerPids() {
      return [rules.pid, ipset.pid].filter((pid) => pid !== undefined);
    },
  };
}
