// A containerd of a test's own, in the network namespace of a node: root, state, socket and CNI folders are its own, and so are the
// shims that outlive it.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { pauseImage, writeImageArchive } from '../image-archive.ts';
import type { LoneAgent } from '../lone-agent.ts';
import { childrenOf, processIds, readProc } from '../proc.ts';
import { sleepSync } from '../sleep-sync.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';
import { undoAtExit } from '../undo.ts';
import { type CriClient, createCriClient } from './client.ts';

export interface Containerd {
  readonly cri: CriClient;
  /** Starts it; resolves when it says that pods could have a network. */
  start(): Promise<void>;
  /** SIGKILL; sandboxes run on. */
  kill(): Promise<void>;
  /** Ends it and everything that it started, and removes its files. */
  destroy(): Promise<void>;
}

const startTimeoutMs = 60_000;
/** From a SIGKILL until a process is gone. */
const endingMs = 2_000;
const image = 'localhost/pause:1';
const cgroups = '/sys/fs/cgroup';

/** `network`: the list of plugins, as it lies in a CNI configuration folder. */
export async function prepareContainerd(agent: LoneAgent, network: object): Promise<Containerd> {
  const folder = makeTemporaryFolder('containerd');
  const path = (name: string) => join(folder, name);
  const socket = path('containerd.sock');
  const cgroupParent = `/${basename(folder)}`;
  mkdirSync(path('conf'));
  writeFileSync(path('conf/10-caracal.conflist'), JSON.stringify(network));
  // What containerd itself asks for beside the network.
  copyFileSync('/usr/lib/cni/loopback', join(agent.cniBin, 'loopback'));
  writeFileSync(path('config.toml'), configuration());
  await writeImageArchive(path('pause.tar'), [pauseImage(image)]);
  let child: ChildProcess | undefined;
  let log = '';

  function configuration(): string {
    return `version = 2
root = "${path('root')}"
state = "${path('state')}"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs"]
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${image}"
disable_tcp_service = true
netns_mounts_under_state_dir = true
# Root without CAP_SYS_RESOURCE may not lower a score.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${agent.cniBin}"
conf_dir = "${path('conf')}"
`;
  }

  const ctr = (...args: string[]) => execa('ctr', ['--address', socket, ...args], { reject: false });
  const cri = createCriClient(socket, cgroupParent);

  async function start(): Promise<void> {
    const started = agent.netns.spawn('containerd', ['--config', path('config.toml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on('data', (chunk) => {
        log = `${log}${chunk}`.slice(-20_000);
      });
    }
    await until('it answers', async () => (await ctr('version')).exitCode === 0);
    const imported = await ctr(
      '--namespace',
      'k8s.io',
      'images',
      'import',
      '--snapshotter',
      'native',
      path('pause.tar'),
    );
    if (imported.exitCode !== 0) throw new Error(`containerd refuses the pause image: ${imported.stderr}`);
    await until('its network is ready', () => cri.networkReady().catch(() => false));
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + startTimeoutMs; !(await holds()); await sleep(100)) {
      if (child?.exitCode !== null) throw new Error(`containerd ended: ${log}`);
      if (Date.now() > deadline) throw new Error(`containerd, until ${what}: ${log}`);
    }
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  const clear = () => {
    // A shim's arguments name the socket of its containerd; its sandbox's process is its child.
    for (const pid of processIds()) {
      if (!commandLine(pid).includes(socket)) continue;
      for (const child of childrenOf(pid)) end(child);
      end(pid);
    }
    for (const hierarchy of readdirSync(cgroups)) removeCgroup(join(cgroups, hierarchy, cgroupParent));
    removeTemporaryFolder(folder);
  };
  const undone = undoAtExit(clear);

  return {
    cri,
    start,
    kill,
    destroy: async () => {
      await kill();
      clear();
      undone();
    },
  };
}

const commandLine = (pid: number) => readProc(pid, 'cmdline').replaceAll('\0', ' ');

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

/** Whoever is still in it is ending. */
function removeCgroup(path: string, deadline = Date.now() + endingMs): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(path, entry.name), deadline);
  for (;;) {
    try {
      rmdirSync(path);
      return;
    } catch {
      if (Date.now() > deadline) return; // an empty group is left at worst
      sleepSync(10);
    }
  }
}
