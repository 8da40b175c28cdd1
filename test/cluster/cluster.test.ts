// The cluster's command line, and that the image runs on its nodes.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { useCluster } from './shared.ts';

const execute = promisify(execFile);
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const cluster = async (...args: string[]) => (await execute(process.execPath, [main, ...args])).stdout;
let status: {
  kubeconfig: string;
  kubectl: string;
  nodes: { name: string; ready: boolean }[];
};
const kubectl = async (...args: string[]) =>
  (await execute(status.kubectl, ['--kubeconfig', status.kubeconfig, ...args])).stdout;

beforeAll(async () => {
  await useCluster();
  status = JSON.parse(await cluster('status', '--json'));
});

it('has two nodes, ready', () => {
  expect(status.nodes.map(({ name, ready }) => [name, ready])).toEqual([
    ['n1', true],
    ['n2', true],
  ]);
});

describe.each(['n1', 'n2'])('the image on %s', (node) => {
  const pod = `try-${node}`;
  beforeAll(async () => {
    const overrides = { spec: { nodeName: node, hostNetwork: true, tolerations: [{ operator: 'Exists' }] } };
    const image = ['--image=localhost/caracal:0.1.0', '--image-pull-policy=Never', '--command'];
    await kubectl('run', pod, ...image, `--overrides=${JSON.stringify(overrides)}`, '--', 'sleep', 'infinity');
    await kubectl('wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s');
    return () => kubectl('delete', 'pod', pod, '--now');
  });

  it.each(['agent', 'bgp', 'hub', 'ctl', 'cni', 'operator'])('has the program %s', async (program) => {
    expect(await kubectl('exec', pod, '--', 'caracal', program, '--help')).toMatch(/^Usage: /);
  });

  it('installs the CNI plugins', async () => {
    await kubectl('exec', pod, '--', 'caracal', 'cni', 'install', '--folder', '/tmp/bin');
    expect(await kubectl('exec', pod, '--', 'ls', '/tmp/bin')).toBe('caracal\ncaracal-ipam\ncaracal.path\n');
  });
});
