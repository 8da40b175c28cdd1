// The lab's network namespaces and the links between them. Both ends of every veth pair are created inside the lab's
// namespaces, so that nothing appears in the machine's own. Commands run in a namespace through nsenter, which changes the
// network namespace alone (`ip netns exec` would also hide other namespaces' files from a process that must see them).
import { readdir, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './commands.ts';
import { type Host, infrastructureNetns, type Topology } from './topology.ts';

/** The command line that runs another one inside a namespace, with the same pid. */
export const inNetns = (netns: string, command: string, args: readonly string[]): [string, string[]] => [
  'nsenter',
  [`--net=${netns}`, '--', command, ...args],
];

/**
 * To be called before the lab's record exists: after that, these namespaces are the lab's, and `down` removes them.
 * @throws when one of them exists already
 */
export async function refuseForeign(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (!(await exists(path))) continue;
    throw new Error(
      `${path} exists and is not of a lab that is known here: remove it (ip netns del ${basename(path)}) or choose other names`,
    );
  }
}

/** Creates the namespaces and links them: a bridge in the router's, a port on it for every node and the hub, the client behind. */
export async function createNetwork(topology: Topology): Promise<void> {
  const { router, client, hub, nodeList } = topology;
  const ports = [{ ...hub, name: 'hub' }, ...nodeList];
  await ipBatch([
    ...infrastructureNetns(topology).map((path) => `netns add ${basename(path)}`),
    ...[...ports.map((port) => ({ port: port.name, netns: port.netns })), { port: 'client', netns: client.netns }].map(
      ({ port, netns }) =>
        `link add name eth0 netns ${basename(netns)} type veth peer name ${port} netns ${basename(router.netns)}`,
    ),
  ]);
  const host = (at: Host, gateway: string, gateway6: string) =>
    ipBatch(
      [
        'link set lo up',
        'link set eth0 up',
        `address add ${at.address}/24 dev eth0`,
        `address add ${at.address6}/64 dev eth0 nodad`,
        `route add default via ${gateway}`,
        `route add ::/0 via ${gateway6}`,
      ],
      at.netns,
    );
  await Promise.all([
    ipBatch(
      [
        'link set lo up',
        'link add name br0 type bridge',
        `address add ${router.address}/24 dev br0`,
        `address add ${router.address6}/64 dev br0 nodad`,
        ...ports.flatMap(({ name }) => [`link set ${name} master br0`, `link set ${name} up`]),
        `address add ${router.clientSide}/24 dev client`,
        `address add ${router.clientSide6}/64 dev client nodad`,
        'link set client up',
        'link set br0 up',
      ],
      router.netns,
    ),
    ...ports.map((port) => host(port, router.address, router.address6)),
    host(client, router.clientSide, router.clientSide6),
    forward(router.netns),
  ]);
}

/** A namespace for a pod, as a container runtime makes it: empty but for a loopback that is up. */
export async function createPodNetns(netns: string): Promise<void> {
  await run('ip', ['netns', 'add', basename(netns)]);
  await run('ip', ['-n', basename(netns), 'link', 'set', 'lo', 'up']);
}

/** Removes namespaces; those that are gone already are fine. Processes inside must have ended, or they keep the namespace alive unnamed. */
export async function removeNetns(paths: readonly string[]): Promise<void> {
  const there = (await Promise.all(paths.map(async (path) => ((await exists(path)) ? path : '')))).filter(
    (path) => path,
  );
  if (there.length > 0) await ipBatch(there.map((path) => `netns del ${basename(path)}`));
}

/**
 * Ends, with SIGKILL, every process inside these namespaces: whatever runs there is the lab's, also what a killed `up` had no time
 * to record and what `exec` left behind.
 */
export async function killInside(paths: readonly string[]): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await sleep(10)) {
    const inodes = new Set(
      (
        await Promise.all(
          paths.map((path) =>
            stat(path).then(
              (at) => at.ino,
              () => 0,
            ),
          ),
        )
      ).filter((inode) => inode !== 0),
    );
    const pids = inodes.size > 0 ? await pidsInside(inodes) : [];
    if (pids.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
}

async function pidsInside(inodes: ReadonlySet<number>): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const inside = await Promise.all(
    pids.map(async (pid) => {
      // A zombie or a kernel thread has no namespace to read.
      const link = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
      return pid !== process.pid && inodes.has(Number(/^net:\[(\d+)\]$/.exec(link)?.[1] ?? 0));
    }),
  );
  return pids.filter((_, index) => inside[index]);
}

async function forward(netns: string): Promise<void> {
  const settings = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];
  await run(...inNetns(netns, 'tee', settings), { input: '1\n' });
}

async function ipBatch(lines: readonly string[], netns?: string): Promise<void> {
  const inside = netns ? ['-n', basename(netns)] : [];
  await run('ip', [...inside, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
