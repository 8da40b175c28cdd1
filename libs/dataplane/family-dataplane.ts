import type { Family } from '@caracal/net';
import type { PolicyDelta } from '@caracal/policy';
import { createIpsetWriter, createRestoreWriter, type Processes } from 'iptables-wrapper';
import type { DirectSets } from './apply/direct-sets.ts';
import { Engine } from './apply/engine.ts';
import { SetApplier } from './apply/set-applier.ts';
import type { Logger } from './logger.ts';
import { hostLength, netOf } from './render/family.ts';
import type { HostPort } from './render/host-ports.ts';
import { marksOf } from './render/marks.ts';
import { fixedSets } from './render/names.ts';
import { DesiredNat } from './state/desired-nat.ts';
import { DesiredState } from './state/desired-state.ts';
import type { DataplaneProblem } from './state/problems.ts';

/** An address pool, as far as it matters for address translation. */
export interface Pool {
  /** `10.0.0.0/16` */
  readonly cidr: string;
  /** Pods of this pool reach what is outside all pools with their node's address. */
  readonly natOutgoing: boolean;
}

export interface FamilyOptions {
  readonly family: Family;
  readonly logger: Logger;
  readonly processes: Processes;
  readonly directSets?: DirectSets;
  readonly markMask: number;
  readonly writerTimeoutMs: number;
}

/** The rules and sets of one family: desired state, the engine that brings the kernel to it, its writers. What is of the other family is left out. */
export function createFamilyDataplane(options: FamilyOptions) {
  const { family, logger, processes, directSets, markMask, writerTimeoutMs } = options;
  const state = new DesiredState(family, marksOf(markMask));
  const nat = new DesiredNat(family, state.sets);
  const rules = createRestoreWriter({ family, processes, timeoutMs: writerTimeoutMs });
  const ipset = createIpsetWriter({ processes, timeoutMs: writerTimeoutMs });
  const sets = new SetApplier(ipset, state.sets, family, directSets);
  const engine = new Engine({ family, state, nat, sets, rules, ipset, processes, logger });
  const net = (cidr: string) => {
    const found = netOf(cidr, family);
    return found === undefined || found === 'other' ? [] : [found];
  };

  return {
    start(): void {
      rules.start();
      ipset.start();
    },
    async update(delta: PolicyDelta): Promise<void> {
      state.update(delta);
      await engine.changed('rules');
    },
    async setPools(pools: readonly Pool[]): Promise<void> {
      // Sets have single addresses without a length.
      const own = pools.flatMap(({ cidr, natOutgoing }) =>
        net(cidr).map((text) => ({ net: text.replace(new RegExp(`/${hostLength[family]}$`), ''), natOutgoing })),
      );
      const { pools: all, masquerade } = fixedSets[family];
      const translated = own.filter(({ natOutgoing }) => natOutgoing);
      state.sets.replace({ ...all, type: 'hash:net' }, new Set(own.map((each) => each.net)));
      state.sets.replace({ ...masquerade, type: 'hash:net' }, new Set(translated.map((each) => each.net)));
      await engine.changed('pools');
    },
    async setServiceRanges(cidrs: readonly string[]): Promise<void> {
      state.setServiceRanges(cidrs.flatMap(net));
      if (state.hasChangedChains) await engine.changed('service ranges');
    },
    async setHostPorts(endpoint: string, ports: readonly HostPort[]): Promise<string | undefined> {
      if (!nat.setHostPorts(endpoint, ports)) return undefined;
      for (const { protocol, hostPort, podAddress } of nat.rivals(endpoint)) {
        const port = `${protocol} ${hostPort}`;
        logger.warn({ endpoint, port, other: podAddress }, 'two pods want one port of the node: the later has it');
      }
      await engine.changed('host ports');
      return nat.problemOf(endpoint);
    },
    inspect: (interfaceName: string): Promise<readonly string[]> => engine.inspect(interfaceName),
    resync: (): Promise<readonly string[]> => engine.resync(),
    problems: (): readonly DataplaneProblem[] => state.problems(),
    stop: (): Promise<void> => engine.stop(),
    get writerPids(): number[] {
      return [rules.pid, ipset.pid].filter((pid) => pid !== undefined);
    },
  };
}
