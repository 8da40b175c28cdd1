// Pods by way of a container runtime, as a kubelet has them started and ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { differences, footprint } from '../cni-chaos/footprint.ts';
import { type LoneAgent, prepareLoneAgent } from '../lone-agent.ts';
import { runPlugin } from '../run-plugin.ts';
import { type Containerd, prepareContainerd } from './containerd.ts';

const network = { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'caracal' }] };
const podNetwork = '10.65.0.';

/**
 * So many sandboxes at once by a containerd of its own: each has an address, answers pings of the node and of another pod, stands when
 * containerd is killed and started again, and nothing is left when all are removed; the same when containerd is killed while it starts
 * as many again. Answers with what was wrong.
 */
export async function sandboxesStandAndGo(count: number, progress: (line: string) => void): Promise<string[]> {
  const wrong: string[] = [];
  const agent = await prepareLoneAgent({ config: { ipam: { restSeconds: 0 } } });
  const containerd = await prepareContainerd(agent, network);
  const { cri } = containerd;
  const name = (pod: string) => ({ name: pod, namespace: 'default', uid: `uid-${pod}` });
  const start = (prefix: string) =>
    Promise.allSettled(Array.from({ length: count }, (_, i) => cri.runSandbox(name(`${prefix}${i}`))));
  try {
    await agent.start();
    await containerd.start();
    await removeAll(containerd, [await cri.runSandbox(name('first'))]);
    const before = await footprint(agent);

    progress(`${count} sandboxes at once`);
    const started = await start('pod');
    const ids = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    for (const each of started) if (each.status === 'rejected') wrong.push(String(each.reason));
    const standing = await Promise.all(ids.map((id) => cri.status(id)));
    const addresses = new Set(standing.map(({ address }) => address));
    if (addresses.size !== ids.length) wrong.push(`${ids.length} sandboxes have ${addresses.size} addresses`);
    for (const address of addresses) if (!address.startsWith(podNetwork)) wrong.push(`"${address}" is not of the pool`);

    progress('pings');
    wrong.push(...(await pingAll(agent, standing)));

    progress('containerd is killed and started again');
    await containerd.kill();
    wrong.push(...(await pingAll(agent, standing)));
    await containerd.start();
    const again = await Promise.all(ids.map((id) => cri.status(id)));
    for (const [i, { address, ready }] of again.entries()) {
      if (!ready || address !== standing[i].address)
        wrong.push(`${standing[i].address} is ${address}, ready: ${ready}`);
    }
    await removeAll(containerd, ids);
    wrong.push(...(await differences(agent, before)));

    progress(`containerd is killed while it starts ${count} more`);
    const interrupted = start('late');
    await Promise.race([interrupted, firstInterface(agent)]);
    await containerd.kill();
    await interrupted;
    await containerd.start();
    await removeAll(containerd, await cri.sandboxes());
    // What it may have forgotten, containerds of version 2 end by GC, with the sandboxes that they know: none.
    await collectGarbage(agent);
    wrong.push(...(await differences(agent, before)));
  } finally {
    await containerd.destroy();
    await agent.remove();
  }
  return wrong;
}

async function removeAll({ cri }: Containerd, ids: readonly string[]): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      await cri.stop(id);
      await cri.remove(id);
    }),
  );
}

/** By the node, and by the pod before it. */
async function pingAll(agent: LoneAgent, pods: readonly { address: string; pid: number }[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const [i, { address }] of pods.entries()) {
    const ping = ['-c', '1', '-W', '5', address];
    const byNode = await agent.netns.try('ping', ping);
    if (byNode.code !== 0) wrong.push(`the node cannot ping ${address}: ${byNode.stdout}`);
    const other = pods.at(i - 1)!;
    const byPod = await agent.netns.try('nsenter', ['--target', String(other.pid), '--net', '--', 'ping', ...ping]);
    if (byPod.code !== 0) wrong.push(`${other.address} cannot ping ${address}: ${byPod.stdout}${byPod.stderr}`);
  }
  return wrong;
}

/** Resolves when a pod's interface is there. */
async function firstInterface(agent: LoneAgent): Promise<void> {
  while (!(await agent.netns.run('ip', ['-brief', 'link'])).includes('cara')) await sleep(10);
}

async function collectGarbage(agent: LoneAgent): Promise<void> {
  const configuration = { cniVersion: '1.1.0', name: network.name, type: 'caracal', 'cni.dev/valid-attachments': [] };
  const { exitCode, stdout } = await runPlugin(
    [`${agent.cniBin}/caracal`],
    { CNI_COMMAND: 'GC', CNI_PATH: agent.cniBin },
    JSON.stringify(configuration),
  );
  if (exitCode !== 0) throw new Error(`GC: ${stdout}`);
}
