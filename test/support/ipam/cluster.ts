// Machines around one real Postgres, through the hub's own node service without its sockets; and what must always hold of them.
import { join } from 'node:path';
import { type Datastore, unavailableReason } from '@caracal/datastore';
import { NodeService } from '@caracal/protocol';
import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { type Logger, pino } from 'pino';
import { systemClock } from '../../../apps/hub/clock.ts';
import { Feed } from '../../../apps/hub/feed/feed.ts';
import { ConnectedNodes } from '../../../apps/hub/node-service/connected-nodes.ts';
import { nodeService } from '../../../apps/hub/node-service/index.ts';
import { callerKey } from '../../../apps/hub/server/caller.ts';
import { explainErrors } from '../../../apps/hub/server/interceptors.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';
import { Machine } from './machine.ts';

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

export interface ClusterOptions {
  /** Asked anew at each call: a failover puts another in its place. */
  readonly datastore: () => Datastore;
  readonly query: Query;
  readonly pools: readonly string[];
  /** Of IPv6: for the pods that want an address of each family. */
  readonly pools6?: readonly string[];
  readonly machines: readonly string[];
  readonly step?: (machine: string, what: string) => Promise<void>;
  /** What hubs and agents say; nobody hears it otherwise. */
  readonly logger?: Logger;
  /** The clock of a machine. */
  readonly now?: (machine: string) => number;
  /** Holds a folder for each machine; otherwise a temporary one does. */
  readonly folder?: string;
}

/** While the database is away the feed brings nothing. */
function unlessAway(error: Error): void {
  if (unavailableReason(error) === undefined) throw error;
}

const isDualStack = (containerId: string): boolean => containerId.startsWith('dual');

export class Cluster {
  readonly machines: Machine[] = [];
  readonly cutOff = new Set<string>();
  readonly drained = new Set<string>();
  readonly #options: ClusterOptions;
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #positions = new Map<string, { revision: bigint; nonce: bigint }>();
  #containers = 0;

  private constructor(options: ClusterOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#logger = options.logger ?? pino({ level: process.env.IPAM_LOG ?? 'silent' });
    for (const name of options.machines) this.machines.push(this.#machine(name));
  }

  static async make(options: ClusterOptions): Promise<Cluster> {
    return new Cluster(options, options.folder ?? makeTemporaryFolder('cluster'));
  }

  async destroy(): Promise<void> {
    for (const machine of this.machines) await machine.kill();
    if (!this.#options.folder) removeTemporaryFolder(this.#folder);
  }

  /** Every machine runs, has met the hub, and has said what it owns: so many pods. */
  async start(podsEach: number): Promise<void> {
    for (const machine of this.machines) {
      await machine.start();
      await machine.meetHub();
      await this.addPods(machine, podsEach);
      await machine.report();
    }
  }

  /** Tries to add so many; answers with how many got an address. */
  async addPods(machine: Machine, pods: number): Promise<number> {
    let added = 0;
    for (let i = 0; i < pods; i++) if (await machine.add(this.newContainer())) added++;
    return added;
  }

  /** The name says whether it wants an address of each family: whoever looks at a container later knows. */
  newContainer(dualStack = false): string {
    return `${dualStack ? 'dual' : 'c'}${++this.#containers}`;
  }

  #machine(name: string): Machine {
    const { pools, pools6 = [], step = async () => {}, now = Date.now } = this.#options;
    return new Machine({
      name,
      folder: join(this.#folder, name),
      wishes: (containerId) =>
        [pools, ...(isDualStack(containerId) ? [pools6] : [])].map((list) => ({
          pools: list.filter((pool) => !this.drained.has(pool)),
        })),
      isPoolUsable: (pool) => !this.drained.has(pool),
      client: () => this.#client(name),
      position: () => this.#positions.get(name) ?? { revision: 0n, nonce: 0n },
      step,
      logger: this.#logger,
      now: () => now(name),
    });
  }

  #client(name: string) {
    const { datastore, step = async () => {} } = this.#options;
    const asNode: Interceptor = (next) => (request) => {
      request.contextValues.set(callerKey, { role: 'node', name });
      return next(request);
    };
    const line: Interceptor = (next) => async (request) => {
      const away = () => new ConnectError('no hub is reached', Code.Unavailable);
      if (this.cutOff.has(name)) throw away();
      await step(name, `before ${request.method.name}`);
      const answer = await next(request);
      await step(name, `after ${request.method.name}`);
      if (this.cutOff.has(name)) throw away();
      await this.#follow(name).catch(unlessAway);
      return answer;
    };
    const transport = createRouterTransport(
      (router) =>
        router.service(
          NodeService,
          nodeService({
            datastore: datastore(),
            feed: new Feed(systemClock),
            connected: new ConnectedNodes(),
            draining: new AbortController().signal,
            standalone: true,
            heartbeatMs: 1000,
            stallMs: 1000,
            logger: this.#logger,
          }),
        ),
      { router: { interceptors: [explainErrors(this.#logger), asNode] }, transport: { interceptors: [line] } },
    );
    return createClient(NodeService, transport);
  }

  /** The node's feed has brought it to where the database is. */
  async #follow(name: string): Promise<void> {
    const [head] = await this.#options.query<{ revision: string; nonce: string }>(
      'SELECT revision::text, nonce::text FROM caracal.feed_head JOIN caracal.revision USING (revision)',
    );
    this.#positions.set(name, { revision: BigInt(head.revision), nonce: BigInt(head.nonce) });
  }

  /** What must hold at every moment; gives what does not. */
  async violations(): Promise<string[]> {
    const found: string[] = [];
    const owners = new Map<string, string>();
    for (const machine of this.machines) {
      for (const { addresses, containerId } of machine.interfaces.values()) {
        if (addresses.length !== (isDualStack(containerId) ? 2 : 1))
          found.push(
            `${machine.name}/${containerId} has ${addresses}: an address of each family that it wants, or none`,
          );
        for (const address of addresses) {
          const other = owners.get(address);
          if (other) found.push(`${address} is alive twice: ${other} and ${machine.name}/${containerId}`);
          owners.set(address, `${machine.name}/${containerId}`);
        }
      }
    }
    const unexplained = await this.#options.query<{ what: string }>(`
      SELECT format('endpoint %s on %s: its last event is %s', e.container_id, e.node, coalesce(l.event || ' ' || l.node || ' ' || l.container_id, 'none')) AS what
      FROM caracal.endpoint e CROSS JOIN unnest(e.addresses) a
      LEFT JOIN LATERAL (SELECT * FROM caracal.address_event h WHERE h.address = a ORDER BY h.revision DESC, h.at DESC LIMIT 1) l ON true
      WHERE (l.event, l.node, l.container_id) IS DISTINCT FROM ('assigned', e.node, e.container_id)
      UNION ALL
      SELECT format('block %s of %s: its last event is %s', b.cidr, b.node, coalesce(l.event || ' ' || l.node, 'none'))
      FROM caracal.block b
      LEFT JOIN LATERAL (SELECT * FROM caracal.block_event h WHERE h.cidr = b.cidr ORDER BY h.revision DESC, h.at DESC LIMIT 1) l ON true
      WHERE l.event IS NULL OR l.event NOT IN ('claimed', 'reasserted', 'moved') OR l.node <> b.node
      UNION ALL
      SELECT format('%s: assigned to %s by its last event, and there is no such endpoint', l.address, l.container_id)
      FROM (SELECT DISTINCT ON (address) * FROM caracal.address_event ORDER BY address, revision DESC, at DESC) l
      WHERE l.event = 'assigned' AND NOT EXISTS (
        SELECT FROM caracal.endpoint e WHERE (e.node, e.container_id) = (l.node, l.container_id) AND e.addresses @> ARRAY[l.address])`);
    return [...found, ...unexplained.map(({ what }) => what)];
  }

  /**
   * Everything that can mend itself does: machines run, reach the hub, rest times pass; and an operator says of earlier incarnations
   * that they are off, as they are here. Afterwards nothing may be lost: what is not a pod's is free, what a node has it has in
   * Postgres, and the operator's check finds nothing.
   */
  async mend(): Promise<void> {
    this.cutOff.clear();
    // Time passes: who has not reported since is not alive.
    await this.#options.query(`UPDATE caracal.node_status SET reported_at = clock_timestamp() - interval '1 hour'`);
    for (let round = 0; round < 4; round++) {
      for (const machine of this.machines) {
        await machine.start();
        await machine.clearUp();
        await machine.meetHub();
        machine.rest();
        await this.#options.datastore().write({ op: 'reclaim', node: machine.name, formerOnly: true });
      }
    }
  }

  async lost(): Promise<string[]> {
    const found = await this.violations();
    const stored = await this.#options.query<{ cidr: string; node: string }>(
      'SELECT cidr::text, node FROM caracal.block',
    );
    for (const { cidr, node } of stored) {
      const machine = this.machines.find(({ name }) => name === node);
      const held = machine?.agent?.ipam.blocks().find((block) => block.cidr === cidr);
      if (!held || held.unsure) found.push(`block ${cidr} is ${node}'s in Postgres, and its journal does not know it`);
    }
    for (const machine of this.machines) {
      const running = machine.agent?.ipam;
      if (!running) continue;
      const held = [...running.assignments()].flatMap(({ addresses }) => addresses).sort();
      const alive = [...machine.interfaces.values()].flatMap(({ addresses }) => addresses).sort();
      if (held.join() !== alive.join()) found.push(`${machine.name} holds ${held} for pods with ${alive}`);
      const used = running.blocks().reduce((sum, block) => sum + block.used, 0);
      if (used !== alive.length) found.push(`${machine.name} has ${used} addresses in use for ${alive.length} pods`);
      for (const { cidr, free, used: inBlock } of running.blocks()) {
        if (!stored.some((block) => block.cidr === cidr && block.node === machine.name)) {
          found.push(`${machine.name} holds block ${cidr}, which Postgres does not give it`);
        }
        if (free + inBlock !== 4)
          found.push(`of block ${cidr} ${free} are free and ${inBlock} used: addresses are lost`);
      }
    }
    const { findings } = await this.#options.datastore().checkIpam();
    return [...found, ...findings.map(({ message }) => message)];
  }
}
