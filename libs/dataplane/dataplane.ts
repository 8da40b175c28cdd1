import { type Family, familyOf } from '@caracal/net';
import { noChange, type PolicyDelta } from '@caracal/policy';
import { type Processes, systemProcesses } from 'iptables-wrapper';
import { closeUnlessKnown } from './apply/close-unless-known.ts';
import type { DirectSets } from './apply/direct-sets.ts';
import { createFamilyDataplane, type Pool } from './family-dataplane.ts';
import type { Logger } from './logger.ts';
import type { HostPort } from './render/host-ports.ts';
import type { DataplaneProblem } from './state/problems.ts';

export interface DataplaneOptions {
  readonly logger: Logger;
  /** How commands are started; in the network namespace of this process unless given. */
  readonly processes?: Processes;
  /** Of the same namespace: small changes of sets go this way, without a process; unless given, all go by `ipset`. */
  readonly directSets?: DirectSets;
  /** The bits of packet marks that are ours, at least four; 0xffff0000 unless given. */
  readonly markMask?: number;
  /** After how long a writer that does not answer is killed; 10 s unless given. */
  readonly writerTimeoutMs?: number;
}

export interface Dataplane {
  /** Starts the writers of IPv4, and closes pods' interfaces to IPv6 unless rules of pods stand. Rejects when iptables or ipset can't be used. */
  start(): Promise<void>;
  /**
   * Takes over the difference to the state of a family (IPv4 unless given) before, and resolves when the kernel holds it: everything of it that the
   * kernel accepts, and closed chains for the rest (see `problems`). The first update is the complete state: with it all
   * of ours that a process before us left and that is not in it goes, in the same transaction. Failures are retried, so
   * this rejects only when stopped.
   */
  update(delta: PolicyDelta, family?: Family): Promise<void>;
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
  /**
   * Reads the kernel, and changes nothing: a sentence for each chain, jump and set that packets of the pod's interface meet and that is not
   * as it should be. What is about to be written is left out; none before the first complete state. Rejects when the kernel can't be read.
   */
  inspect(interfaceName: string): Promise<readonly string[]>;
  /** What is not enforced as asked for and therefore closed. */
  problems(): readonly DataplaneProblem[];
  /** Ends the writers; rules and sets stay. */
  stop(): Promise<void>;
  /** The writers' processes, while they run. */
  readonly writerPids: readonly number[];
}

/**
 * The dataplane of the network namespace in which `processes` run: of IPv4, and of IPv6 from when something of it is known, so that a
 * node without pays nothing for it. Nothing is done before `start`.
 */
export function createDataplane(options: DataplaneOptions): Dataplane {
  const {
    logger,
    processes = systemProcesses(),
    directSets,
    markMask = 0xffff0000,
    writerTimeoutMs = 10_000,
  } = options;
  const [four, six] = ([4, 6] as const).map((family) =>
    createFamilyDataplane({ family, logger, processes, directSets, markMask, writerTimeoutMs }),
  );
  let usesIpv6 = false;
  let toldOfIpv6 = false;
  /** Does it for IPv4, and for IPv6 when that is in use: from now on, if `concerned`. */
  async function both<T>(concerned: boolean, work: (family: typeof four) => Promise<T>): Promise<T[]> {
    usesIpv6 ||= concerned;
    return await Promise.all(usesIpv6 ? [work(four), work(six)] : [work(four)]);
  }
  const isIpv6 = (text: string) => familyOf(text) === 6;

  return {
    async start() {
      four.start();
      // Of a process before us: it goes with the first state that knows nothing of IPv6.
      const { known } = await closeUnlessKnown(6, processes, writerTimeoutMs);
      usesIpv6 ||= known;
    },
    async update(delta, family = 4) {
      usesIpv6 ||= family === 6;
      // What is said of IPv6 in the same turn goes together with this.
      const emptied = usesIpv6 && !toldOfIpv6 && family === 4 ? six.update(noChange) : undefined;
      toldOfIpv6 ||= usesIpv6;
      await Promise.all([(family === 4 ? four : six).update(delta), emptied]);
    },
    async setPools(pools) {
      await both(
        pools.some(({ cidr }) => isIpv6(cidr)),
        (family) => family.setPools(pools),
      );
    },
    async setServiceRanges(cidrs) {
      await both(cidrs.some(isIpv6), (family) => family.setServiceRanges(cidrs));
    },
    async setHostPorts(endpoint, ports) {
      const [own, others] = [false, true].map((ipv6) => ports.filter((port) => isIpv6(port.podAddress) === ipv6));
      const problems = await both(others.length > 0, (family) =>
        family.setHostPorts(endpoint, family === four ? own : others),
      );
      return problems.find((problem) => problem !== undefined);
    },
    async resync() {
      const [ipv4, ipv6] = await Promise.all([
        four.resync(),
        usesIpv6 ? six.resync() : closeUnlessKnown(6, processes, writerTimeoutMs).then(({ repaired }) => repaired),
      ]);
      const repaired = [...ipv4, ...ipv6.map((name) => `${name} (IPv6)`)];
      if (repaired.length > 0) logger.warn({ repaired }, 'dataplane: repaired what somebody else had changed');
      return repaired;
    },
    async inspect(interfaceName) {
      const [ipv4, ipv6 = []] = await both(false, (family) => family.inspect(interfaceName));
      return [...ipv4, ...ipv6.map((problem) => `${problem} (IPv6)`)];
    },
    problems: () => [...four.problems(), ...six.problems()],
    async stop() {
      await Promise.all([four.stop(), six.stop()]);
    },
    get writerPids() {
      return [...four.writerPids, ...six.writerPids];
    },
  };
}
