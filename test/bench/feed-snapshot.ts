import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '@caracal/datastore';
import { protocolVersion } from '@caracal/protocol';
import { isCommit, readFeed } from '../support/feed-reader.ts';
import { prepareHub } from '../support/hub.ts';
import { prepareLoneAgent } from '../support/lone-agent.ts';
import { issueCertificate } from '../support/pki.ts';
import { startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { fillDatabase } from './feed-world.ts';
import type { LongestPause } from './pause-probe.ts';
import { residentMib } from './process-memory.ts';

/** The first snapshot of a large cluster, to one stream, and to a real agent that was idle before. */
export interface Snapshot {
  readonly pods: number;
  readonly streamMs: number;
  readonly mib: number;
  readonly agent: {
    /** Milliseconds from the moment in which a hub is there until the kernel holds what follows from it. */
    readonly enforcedMs: number;
    readonly idleMib: number;
    readonly peakMib: number;
    readonly afterMib: number;
    readonly longestPause: LongestPause;
  };
}

const nodes = 1000;
const podsANode = 50;
const patienceMs = 120_000;

export async function benchSnapshot({
  onProgress,
}: {
  readonly onProgress: (line: string) => void;
}): Promise<Snapshot> {
  const postgres = await startPostgres();
  const folder = makeTemporaryFolder('bench-feed');
  const path = (name: string) => join(folder, name);
  const closing: (() => unknown)[] = [];
  try {
    await migrate(postgres.url);
    onProgress(`${nodes * podsANode} pods to one agent`);
    await fillDatabase(postgres.url, { nodes, podsANode });
    const hub = await prepareHub(postgres.urlFor('caracal_hub'));
    closing.push(hub.destroy);
    const own = await issueCertificate(hub.authority, { organization: 'caracal:nodes', commonName: 'lone' });
    writeFileSync(path('ca.pem'), hub.authority.ca);
    writeFileSync(path('node.pem'), own.cert);
    writeFileSync(path('node.key'), own.key, { mode: 0o600 });
    const credentials = { ca: path('ca.pem'), cert: path('node.pem'), key: path('node.key') };
    const agent = await prepareLoneAgent({
      config: { hub: { addresses: [hub.address], ...credentials }, metrics: { socket: path('metrics.sock') } },
    });
    closing.push(agent.remove);
    const probe = import.meta.resolve('./pause-probe.ts');
    await agent.start({ NODE_OPTIONS: `--import ${probe}`, PAUSE_FILE: path('pause') });
    const pid = agent.pid() ?? 0;
    await sleep(3000); // for what a start leaves to be collected
    await enforcedRevision(path('metrics.sock')); // what only the first scrape costs is none of the snapshot's
    const idleMib = residentMib(pid).now;

    await hub.start();
    await hub.untilReady();
    // Hub and database would be on other machines: that the agent waits for a processor which they have is no pause of its own.
    execFileSync('chrt', ['--all-tasks', '--rr', '--pid', '1', String(pid)]);
    // At one priority with its event loop, helpers (they mark for the garbage collector) would keep a processor for a whole slice of 100 ms.
    execFileSync('chrt', ['--rr', '--pid', '2', String(pid)]);
    process.kill(pid, 'SIGUSR2'); // pauses count from here on
    const start = performance.now();
    // Revision 1 is what the agent has on its disk; whatever it reports itself makes a later one.
    for (const deadline = start + patienceMs; (await enforcedRevision(path('metrics.sock'))) < 2; await sleep(100)) {
      if (performance.now() > deadline) throw new Error(`the agent enforces no snapshot: ${agent.log()}`);
    }
    const enforcedMs = performance.now() - start;
    await sleep(3000);
    const { now, peak } = residentMib(pid);
    await agent.stop('SIGTERM');
    const longestPause: LongestPause = JSON.parse(readFileSync(path('pause'), 'utf8'));

    const reader = readFeed(await hub.node('bench'), undefined, protocolVersion);
    const began = performance.now();
    await reader.until(isCommit);
    const streamMs = performance.now() - began;
    const bytes = reader.events.reduce((sum, event) => sum + event.bytes, 0);
    await reader.close();
    const figures = { enforcedMs, idleMib, peakMib: peak, afterMib: now, longestPause };
    return { pods: nodes * podsANode, streamMs, mib: bytes / 2 ** 20, agent: figures };
  } finally {
    for (const close of closing.reverse()) await close();
    await postgres.destroy();
    removeTemporaryFolder(folder);
  }
}

function enforcedRevision(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/metrics' }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve(Number(/^caracal_agent_enforced_revision (\d+)/m.exec(body)?.[1] ?? 0)));
    });
    asked.on('error', reject);
    asked.end();
  });
}
