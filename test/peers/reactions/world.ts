import { freePort } from '../../support/free-port.ts';
import { Collector } from './collector.ts';
import { play } from './outcome.ts';
import { addressOf, nameOf, Peer } from './peer.ts';
import { type Process, startProcess } from './process.ts';
import type { Row } from './row.ts';

/** How many rows are played at once: the process has all their sessions. */
const atOnce = 32;

/** One process with a passive peer for each row, and the collector. */
export interface World {
  readonly process: Process;
  /** What happened in each row, in the order of the rows; an error where it could not be played. */
  playAll(): Promise<(string | Error)[]>;
  stop(): Promise<void>;
}

export async function createWorld(rows: readonly Row[]): Promise<World> {
  const port = await freePort();
  const listenPort = await freePort();
  const process = await startProcess(port, resources(rows, port, listenPort));
  const collector = await Collector.start(port);
  const playOne = async (index: number) => {
    const peer = new Peer(index + 1, rows[index], { process, collector });
    try {
      if (rows[index].peer?.listens) await peer.listen(listenPort);
      return await play(rows[index], peer);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      peer.end();
    }
  };
  return {
    process,
    playAll: async () => {
      const outcomes: (string | Error)[] = [];
      let next = 0;
      const worker = async () => {
        for (let index = next++; index < rows.length; index = next++) outcomes[index] = await playOne(index);
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
      return outcomes;
    },
    stop: async () => {
      collector.close();
      await process.stop();
    },
  };
}

/** Peers take routes from everyone; only the collector, and who asks for it, is told routes. */
function resources(rows: readonly Row[], port: number, listenPort: number): string {
  const filter = (name: string, exported: string) => ({
    apiVersion: 'caracal.network/v1',
    kind: 'BGPFilter',
    metadata: { name },
    spec: {
      importV4: [{ action: 'Accept' }],
      importV6: [{ action: 'Accept' }],
      exportV4: [{ action: exported }],
      exportV6: [{ action: exported }],
    },
  });
  const peer = (name: string, spec: object) => ({
    apiVersion: 'caracal.network/v1',
    kind: 'BGPPeer',
    metadata: { name },
    spec: { passive: true, connectRetrySeconds: 1, ...spec },
  });
  const documents: object[] = [
    {
      apiVersion: 'caracal.network/v1',
      kind: 'BGPConfiguration',
      metadata: { name: 'default' },
      spec: {
        asNumber: 65001,
        listenPort: port,
        nodeToNodeMeshEnabled: false,
        originate: [{ cidr: '10.255.0.0/16' }],
      },
    },
    filter('all', 'Accept'),
    filter('import-only', 'Reject'),
    peer('collector', { peerIP: Collector.address, asNumber: 65003, filters: ['all'] }),
  ];
  for (const [index, { peer: settings = {} }] of rows.entries()) {
    const { asNumber = 65002, spec = {}, listens } = settings;
    const address = addressOf(index + 1);
    const target = listens ? { peerIP: `${address}:${listenPort}`, passive: false } : { peerIP: address };
    documents.push(peer(nameOf(index + 1), { ...target, asNumber, filters: ['import-only'], ...spec }));
  }
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}
