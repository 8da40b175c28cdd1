import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Container, createCniRuntime, type NetworkList } from '../support/cni-runtime.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';

/** CHECK looks at the rules and sets in the kernel that the pod's packets meet, and says what of them somebody has taken away. */

const list: NetworkList = {
  cniVersion: '1.1.0',
  name: 'caracal',
  plugins: [{ type: 'caracal', capabilities: { portMappings: true } }],
};

let agent: LoneAgent;
let pods: Netns[] = [];

beforeAll(async () => {
  const spec = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: {} }] }] };
  const apiVersion = 'networking.k8s.io/v1';
  agent = await prepareLoneAgent({
    resources: [{ kind: 'KubernetesNetworkPolicy', apiVersion, namespace: 'shop', name: 'own', spec }],
    // No repair comes between.
    config: { resyncSeconds: 3_600 },
  });
  await agent.start();
  pods = [await createNetns('check'), await createNetns('check')];
});

afterAll(async () => {
  for (const pod of pods) await pod.remove();
  await agent?.remove();
});

test('what of a pod’s rules, sets and ports is missing is named, and nothing of other pods', async () => {
  const runtime = createCniRuntime(agent.netns, [agent.cniBin]);
  const container = (i: number): Container => ({
    id: `c${i}`,
    netns: pods[i].path,
    args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=c${i};K8S_POD_UID=u${i}`,
    capabilities: { portMappings: [{ hostPort: 8_000 + i, containerPort: 80, protocol: 'tcp' }] },
  });
  const results = [await runtime.add(list, container(0)), await runtime.add(list, container(1))];
  const check = (i: number) =>
    runtime.check(list, container(i), results[i]).then(
      () => '',
      (error: Error) => error.message,
    );
  expect([await check(0), await check(1)]).toEqual(['', '']);

  const own = results[0].interfaces[0].name.slice('cara'.length);
  const iptables = (...args: string[]) => agent.netns.run('iptables', args);
  await iptables('-F', `cara-tw-${own}`);
  expect(await check(0)).toContain(`chain cara-tw-${own} of table filter has other rules than it should`);
  expect(await check(1)).toBe('');

  const saved = await agent.netns.run('iptables-save', ['-t', 'filter']);
  const policy = /:(cara-pi-own-\S+)/.exec(saved)?.[1] ?? 'no chain of the policy';
  await iptables('-F', policy);
  const set = /--match-set (cara4-n-\S+)/.exec(saved)?.[1] ?? 'no set';
  await agent.netns.run('ipset', ['flush', set]);
  await iptables('-D', 'FORWARD', '-j', 'cara-FORWARD');
  await iptables('-t', 'nat', '-F', 'cara-hostports');
  const said = [await check(0), await check(1)];
  for (const each of said) {
    expect(each).toContain(`chain ${policy} of table filter has other rules than it should`);
    expect(each).toContain(`set ${set} has other members than it should`);
    expect(each).toContain('the jump from FORWARD of table filter is missing');
    expect(each).toContain('chain cara-hostports of table nat has other rules than it should');
  }
  expect(said.map((each) => each.includes(`cara-tw-${own}`))).toEqual([true, false]);
  for (const i of [0, 1]) await runtime.del(list, container(i));
}, 60_000);
