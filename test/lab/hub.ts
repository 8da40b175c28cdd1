// The lab's hub: on the node network for the agents, on a unix socket for caracalctl.
import { app, run } from './commands.ts';
import { inNetns } from './namespaces.ts';
import { credentials } from './pki.ts';
import { accepts, endProcess, startProcess, waitUntilReady } from './processes.ts';
import { readProcess, writeJson } from './state.ts';
import type { Topology } from './topology.ts';

const name = 'hub';

/** Brings the database's schema up to date. */
export async function migrateDatabase(topology: Topology, databaseUrl: string): Promise<void> {
  await writeHubConfig(topology);
  const [command, ...args] = [...app('hub'), 'migrate', '--config', topology.hub.config];
  await run(...inNetns(topology.hub.netns, command, args), { env: { CARACAL_DATABASE_URL: databaseUrl } });
}

export async function startHub(topology: Topology, databaseUrl: string, signal?: AbortSignal): Promise<void> {
  await writeHubConfig(topology);
  const [command, ...args] = [...app('hub'), 'run', '--config', topology.hub.config];
  await startProcess({
    lab: topology.name,
    name,
    netns: topology.hub.netns,
    command,
    args,
    env: { CARACAL_DATABASE_URL: databaseUrl },
  });
  await waitUntilReady(topology.name, name, 'it listens', () => accepts(topology.hub.socket), { signal });
}

export const stopHub = (topology: Topology): Promise<boolean> => endProcess(topology.name, name, 'SIGTERM');
export const killHub = (topology: Topology): Promise<boolean> => endProcess(topology.name, name, 'SIGKILL');

export const hubPid = async (topology: Topology): Promise<number | undefined> =>
  (await readProcess(topology.name, name))?.pid;

const writeHubConfig = (topology: Topology): Promise<void> =>
  writeJson(topology.hub.config, {
    listen: [{ host: topology.hub.address, port: topology.hub.port }, { socket: topology.hub.socket }],
    tls: credentials(topology, 'hub'),
    ops: { socket: topology.hub.opsSocket },
    mode: 'standalone',
  });
