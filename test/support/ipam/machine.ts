// A machine of a simulated cluster: the real parts of a node's IPAM (journal on disk, claims, assertion, recovery, reports) over a kernel
// that is a map of interfaces. It can lose power, its disk's content, or its line to the hub, at any step.
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Journal, type NodeIpam, openNodeIpam } from '@caracal/ipam';
import type { NodeService } from '@caracal/protocol';
import type { Client } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { type AssertOutcome, assertBlocks } from '../../../apps/agent/pods/assert-blocks.ts';
import { claimBlock } from '../../../apps/agent/pods/claim.ts';
import { type EndpointRecord, recordOf, recoveredHandle, reportOf } from '../../../apps/agent/pods/endpoint-record.ts';
import {
  type JournalPlace,
  markIncarnation,
  type OpenedJournal,
  openNodeJournal,
} from '../../../apps/agent/pods/rebuild-journal.ts';
import { createStrays, meetKernel } from '../../../apps/agent/pods/recover.ts';
import { hostInterfaceName } from '../../../apps/agent/wiring/index.ts';

/** Of a released address. */
const restMs = 30_000;

/** One run of the agent on a machine. */
interface Agent {
  readonly ipam: NodeIpam;
  readonly strays: ReturnType<typeof createStrays>;
  /** Rest times that run; the test lets them pass. */
  readonly timers: Array<{ readonly callback: () => void; leftMs: number }>;
}

export interface MachineOptions {
  readonly name: string;
  readonly folder: string;
  /** The pools that a container's addresses are drawn from, for each of them. */
  readonly wishes: (containerId: string) => readonly { readonly pools: readonly string[] }[];
  readonly isPoolUsable: (pool: string) => boolean;
  /** A client of a hub, as this node. */
  readonly client: () => Client<typeof NodeService>;
  readonly position: () => { readonly revision: bigint; readonly nonce: bigint };
  /** Called around everything that has an effect outside of memory; a crash is a call that never returns. */
  readonly step: (machine: string, what: string) => Promise<void>;
  /** What the agent says to its operator. */
  readonly logger: Logger;
  readonly now: () => number;
  readonly machineId?: string;
}

export class Machine {
  readonly options: MachineOptions;
  /** Interfaces of the kernel: what routes and wires lead to. They outlive the agent, and not a boot. */
  readonly interfaces = new Map<string, { containerId: string; addresses: readonly string[] }>();
  agent: Agent | undefined;
  /** While an agent runs or starts: the file itself, without steps around what is written. */
  journal: Journal | undefined;
  /** Blocks that have a blackhole in the kernel. */
  #routes: readonly string[] = [];
  /** What the runtime asked for and has no answer of: it sends a DEL for each. */
  readonly #unanswered = new Set<string>();
  #saved = false;

  constructor(options: MachineOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.name;
  }

  get stateDirectory(): string {
    return join(this.options.folder, 'state');
  }

  get journalPath(): string {
    return join(this.stateDirectory, 'ipam.journal');
  }

  /** Throws when the journal is lost and no hub has said in time what was in it. */
  async start(patienceMs = 20_000): Promise<void> {
    if (this.agent) return;
    const { folder, client, name, logger } = this.options;
    const place = { nodeName: name, stateDirectory: this.stateDirectory, runDirectory: join(folder, 'run') };
    for (const each of [place.stateDirectory, place.runDirectory]) await mkdir(each, { recursive: true });
    const opened = await openNodeJournal(place, {
      wiring: { listOwnInterfaces: async () => this.#listInterfaces() },
      logger,
      recover: () => client().recover({}),
      newIncarnation: randomUUID,
      signal: AbortSignal.timeout(patienceMs),
    });
    try {
      this.agent = await this.#run(place, opened);
    } catch (error) {
      await opened.journal.close();
      throw error;
    }
  }

  async #run(place: JournalPlace, opened: OpenedJournal): Promise<Agent> {
    const { client, name, position, step, logger } = this.options;
    const timers: Agent['timers'] = [];
    this.journal = opened.journal;
    const journal: Journal = {
      ...opened.journal,
      get length() {
        return opened.journal.length;
      },
      append: async (records, whenDurable) => {
        const what = `journal ${records.map(({ type }) => type).join('+')}`;
        await step(name, `before ${what}`);
        await opened.journal.append(records, whenDurable);
        await step(name, `after ${what}`);
      },
    };
    const ipam: NodeIpam = await openNodeIpam({
      node: name,
      journal,
      claimBlock: (pool, address) => {
        const held = ipam.blocks().flatMap((block) => (block.pool === pool ? [block.cidr] : []));
        return claimBlock(client(), { pool, address, incarnation: ipam.incarnation, held, position: position() });
      },
      onBlock: () => this.#setRoutes(ipam),
      isReserved: () => false,
      restMs,
      claimAheadBelow: 0,
      newIncarnation: randomUUID,
      now: this.options.now,
      schedule: (callback, delayMs) => timers.push({ callback, leftMs: delayMs }),
      onClaimAheadFailed: () => {},
    });
    const wiring = {
      listOwnInterfaces: async () => this.#listInterfaces(),
      unwire: async (hostInterface: string) => {
        this.interfaces.delete(hostInterface);
        return { ok: true as const };
      },
    };
    const names = await meetKernel(ipam, wiring, logger, opened.newBoot);
    markIncarnation(place, ipam.incarnation);
    const strays = createStrays({ ipam, wiring, logger, names, journalLost: opened.wasLost });
    this.#setRoutes(ipam);
    return { ipam, strays, timers };
  }

  /** SIGKILL of the agent: what is in memory is gone, the kernel and the disk stay. */
  async kill(): Promise<void> {
    const { journal } = this;
    this.agent = undefined;
    this.journal = undefined;
    await journal?.close();
  }

  /** Power goes: the kernel forgets, and with it every pod. */
  async reboot(): Promise<void> {
    await this.kill();
    this.interfaces.clear();
    this.#routes = [];
    await rm(join(this.options.folder, 'run'), { recursive: true, force: true });
  }

  /** The disk is written anew: another system under the same name. */
  async reimage(): Promise<void> {
    await this.reboot();
    await rm(this.stateDirectory, { recursive: true, force: true });
    this.#saved = false;
  }

  /** A backup of the node's files. */
  async saveJournal(): Promise<void> {
    if (!this.agent) return;
    await copyFile(this.journalPath, join(this.options.folder, 'saved.journal'));
    this.#saved = true;
  }

  /** Somebody puts the backup in the place of the journal, while pods run; false when there is none. */
  async restoreJournal(): Promise<boolean> {
    if (!this.#saved) return false;
    await this.kill();
    await copyFile(join(this.options.folder, 'saved.journal'), this.journalPath);
    return true;
  }

  /** Somebody deletes the journal while pods run. */
  async loseJournal(): Promise<void> {
    await this.kill();
    await rm(this.journalPath, { force: true });
  }

  /** ADD: false when it was refused. The interface is made while the journal is written, as the agent does. */
  async add(containerId: string): Promise<boolean> {
    const { ipam } = this.#running();
    this.#unanswered.add(containerId);
    const record = recordFor(containerId);
    const handle = this.#handle(containerId);
    const assigned = await ipam.assign(handle, this.options.wishes(containerId), () => ({ ...record }));
    if (!assigned.ok) {
      this.options.logger.warn({ reason: assigned.message }, 'ADD is refused');
      return false;
    }
    const { addresses } = assigned.assignment;
    await this.options.step(this.name, 'before wire');
    this.interfaces.set(record.hostInterface, { containerId, addresses });
    await this.options.step(this.name, 'after wire');
    try {
      await assigned.durable;
      this.#unanswered.delete(containerId);
      return true;
    } catch (error) {
      this.options.logger.warn({ reason: String(error) }, 'ADD is refused');
      this.interfaces.delete(record.hostInterface);
      await ipam.release(handle);
      return false;
    }
  }

  async remove(containerId: string): Promise<void> {
    const { ipam } = this.#running();
    this.#unanswered.add(containerId);
    await this.options.step(this.name, 'before unwire');
    this.interfaces.delete(hostInterfaceName(containerId, 'eth0'));
    await this.options.step(this.name, 'after unwire');
    await ipam.release(this.#handle(containerId));
    this.#unanswered.delete(containerId);
  }

  /** The runtime ends what has not come to be, and what was not ended. */
  async clearUp(): Promise<void> {
    for (const containerId of [...this.#unanswered]) await this.remove(containerId);
  }

  /** What an agent does when it reaches a hub: says what it owns, asks what it does not know, tells what it has. */
  async meetHub(): Promise<AssertOutcome['kind']> {
    const { ipam } = this.#running();
    const { client, position, isPoolUsable, machineId = '' } = this.options;
    const { kind } = await ipam.whileNoClaim(() =>
      assertBlocks({ ipam, machine: machineId, claimAheadBelow: 0, client, position, isPoolUsable }),
    );
    this.#setRoutes(ipam);
    await this.report();
    return kind;
  }

  async report(): Promise<void> {
    const { ipam, strays } = this.#running();
    await strays.settle(() => this.options.client().recover({}));
    const endpoints = [...ipam.assignments()].flatMap((assignment) => {
      const record = recordOf(assignment);
      return record ? [reportOf(record, assignment.addresses)] : [];
    });
    const status = { incarnation: ipam.incarnation, blocks: ipam.blocks().map(({ cidr, used }) => ({ cidr, used })) };
    await this.options.client().report({ full: true, endpoints, status });
  }

  /** Half a minute passes. */
  rest(): void {
    const timers = this.agent?.timers ?? [];
    for (const timer of timers.splice(0)) {
      timer.leftMs -= restMs;
      if (timer.leftMs <= 0) timer.callback();
      else timers.push(timer);
    }
  }

  containers(): string[] {
    return [...this.interfaces.values()].map(({ containerId }) => containerId);
  }

  #setRoutes(ipam: NodeIpam): void {
    this.#routes = ipam.blocks().map(({ cidr }) => cidr);
  }

  #running(): Agent {
    if (!this.agent) throw new Error(`the agent of ${this.name} does not run`);
    return this.agent;
  }

  #handle(containerId: string): string {
    const recovered = recoveredHandle(hostInterfaceName(containerId, 'eth0'));
    return this.agent?.ipam.assignment(recovered) ? recovered : `net/${containerId}/eth0`;
  }

  #listInterfaces() {
    const interfaces = [...this.interfaces].map(([name, { addresses }], index) => ({
      name,
      index,
      mtu: 1500,
      up: true,
      addresses,
    }));
    return { ok: true as const, interfaces, blocks: this.#routes };
  }
}

function recordFor(containerId: string): EndpointRecord {
  return {
    containerId,
    ifname: 'eth0',
    network: 'net',
    netns: '',
    hostInterface: hostInterfaceName(containerId, 'eth0'),
    pod: { namespace: 'n', name: containerId, uid: containerId, labels: {}, serviceAccount: 'default', ports: [] },
  };
}
