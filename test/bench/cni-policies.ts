import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns } from '../support/netns.ts';
import { call, caracal } from './cni-plugins.ts';
import { runSideBySide } from './cni-side-by-side.ts';
import { percentiles } from './figures.ts';
import { startSpawnTimer } from './spawn-timer.ts';

/** Milliseconds, p50. */
export interface PoliciesBench {
  readonly policies: number;
  readonly none: number;
  readonly many: number;
  readonly ratio: number;
}

const configuration = JSON.stringify({ cniVersion: '1.1.0', name: 'caracal', type: 'caracal' });
/** A pod that the policies select stands on the node, so that they are in its kernel. */
const crowd = 999_999;
/** A node by itself has a block of 256 addresses. */
const mostPods = 200;

/** ADDs on a node with so many policies in its kernel, beside those on a node with the one that selects the pods themselves. */
export async function benchPolicies(
  policies: number,
  pods: number,
  progress: (line: string) => void,
): Promise<PoliciesBench> {
  const agents: LoneAgent[] = [];
  const standing = await createNetns('bench');
  try {
    for (const count of [0, policies]) {
      progress(`a node with ${count} policies beside that of the pods`);
      const agent = await prepareLoneAgent({ resources: [policyOf('bench', 'own'), ...crowdPolicies(count)] });
      agents.push(agent);
      await agent.start();
    }
    const contenders = agents.map(({ cniBin, netns }) => ({
      plugin: caracal(cniBin, configuration),
      netns: netns.path,
    }));
    const timer = startSpawnTimer(contenders[1].netns);
    const inCrowd = {
      ...contenders[1].plugin,
      args: () => 'K8S_POD_NAMESPACE=crowd;K8S_POD_NAME=crowd;K8S_POD_UID=crowd',
    };
    await call(timer, inCrowd, 'ADD', crowd, standing);
    await timer.close();
    const rules = (await agents[1].netns.run('iptables-save', ['-t', 'filter'])).split('\n').length;
    progress(`${rules} lines of rules in the kernel`);
    if (rules < policies) throw new Error(`the ${policies} policies are not in the kernel`);
    const { runs } = await runSideBySide(contenders, Math.min(pods, mostPods), progress);
    const [none, many] = runs.map(({ ADD }) => percentiles(ADD.map(({ milliseconds }) => milliseconds)).p50);
    return { policies, none, many, ratio: many / none };
  } finally {
    for (const agent of agents) await agent.remove();
    await standing.remove();
  }
}

const crowdPolicies = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    policyOf('crowd', `p${i}`, { ports: [{ protocol: 'TCP', port: 1_000 + i }] }),
  );

function policyOf(namespace: string, name: string, rule: object = {}) {
  const spec = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: {} }], ...rule }] };
  return { kind: 'KubernetesNetworkPolicy', apiVersion: 'networking.k8s.io/v1', namespace, name, spec };
}
