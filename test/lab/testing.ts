// What the lab's tests share: what is left of a lab on this machine, and waiting for the network to converge.
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labFolder } from './topology.ts';

/** A name that no other lab has. */
export const uniqueName = (role: string): string => `${role}-${Math.random().toString(36).slice(2, 8)}`;

/** Everything on this machine that belongs to a lab: namespaces, processes, files, shared memory. Empty after `down`. */
export async function footprint(lab: string): Promise<string[]> {
  const namespaces = (await readdir('/run/netns').catch(() => [])).filter((name) => name.startsWith(`${lab}-`));
  const folder = labFolder(lab);
  const files = await stat(folder).then(
    () => [folder],
    () => [],
  );
  return [...namespaces.map((name) => `netns ${name}`), ...files, ...(await processes(folder, namespaces))];
}

/** Processes that live in a lab's namespaces, work in its folder, have a file of it open or name it on their command line. */
async function processes(folder: string, namespaces: readonly string[]): Promise<string[]> {
  const inodes = await Promise.all(namespaces.map(async (name) => (await stat(join('/run/netns', name))).ino));
  const inside = new Set(inodes.map((inode) => `net:[${inode}]`));
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
      const links = ['cwd', ...files.map((fd) => `fd/${fd}`)].map((file) =>
        readlink(`/proc/${pid}/${file}`).catch(() => ''),
      );
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').join(' ');
      const net = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
      const touches = [...(await Promise.all(links)), command].some((text) => text.includes(`${folder}/`));
      return touches || inside.has(net) ? [`process ${pid} ${command}`] : [];
    }),
  );
  return found.flat();
}

/** Answers when `check` answers something; rejects with `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const answer = await check();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`not after ${timeoutMs / 1000} s: ${what}`);
  }
}
