// Whether anything passes that policy forbids while pods come and go: tried without end, in both directions.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LoneAgent } from '../lone-agent.ts';
import { connect, createNetns, type Netns } from '../netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folder.ts';

const forbiddenPort = 7000;
const permittedPort = 7001;

/** For the agent's feed: pods may speak and be spoken to on the one port. */
export const onlyPermitted = {
  kind: 'KubernetesNetworkPolicy',
  apiVersion: 'networking.k8s.io/v1',
  namespace: 'default',
  name: 'only-permitted',
  spec: {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ports: [{ protocol: 'UDP', port: permittedPort }] }],
    egress: [{ ports: [{ protocol: 'UDP', port: permittedPort }] }],
  },
};

export interface Eavesdropper {
  /** Ends it; what was heard although it is forbidden, and that nothing was heard that is permitted. */
  end(): Promise<string[]>;
}

/** The gateway of the node is its outside. `pods`: the first three bytes of their addresses. */
export async function startEavesdropper(
  agent: LoneAgent,
  pods: string,
  namespaces: readonly Netns[],
): Promise<Eavesdropper> {
  const folder = makeTemporaryFolder('eaves');
  const program = join(folder, 'eavesdropper');
  const source = fileURLToPath(new URL('./eavesdropper.c', import.meta.url));
  execFileSync('gcc', ['-O2', '-o', program, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  const outside = await createNetns('out');
  await connect(
    { netns: agent.netns, interface: 'out0' },
    { netns: outside, interface: 'eth0', address: '192.0.2.254/24' },
  );
  await agent.netns.run('ip', ['link', 'set', 'out0', 'master', 'up0']);
  await outside.run('ip', ['route', 'add', `${pods}.0/24`, 'via', '192.0.2.1']);
  const paths = [outside, ...namespaces].map(({ path }) => path);
  const ports = [forbiddenPort, permittedPort].map(String);
  const child = outside.spawn(program, [...ports, '192.0.2.254', pods, ...paths], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin?.on('error', () => {});
  // Of a child with pipes.
  const output = text(child.stdout!);
  return {
    end: async () => {
      child.stdin?.end();
      const lines = (await output).trimEnd().split('\n');
      await outside.remove();
      removeTemporaryFolder(folder);
      const counted = /^permitted: the outside (\d+), pods (\d+)$/.exec(lines.at(-1) ?? '');
      const wrong = lines.filter((line) => line.includes('heard'));
      if (!counted) return [...wrong, `the eavesdropper ended early: ${lines.at(-1)}`];
      for (const [i, who] of ['the outside', 'the pods'].entries())
        if (Number(counted[i + 1]) === 0) wrong.push(`${who} heard nothing of what is permitted: nothing was tried`);
      return wrong;
    },
  };
}
