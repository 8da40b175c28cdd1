// What is wrong is refused with a clear message, and nothing half-done is left, end to end.
import { readFileSync } from 'node:fs';
import { AdminService, createHubTransport, NodeService } from '@caracal/protocol';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, upTemporaryLab } from './index.ts';
import { credentials } from './pki.ts';
import { eventually, footprint, uniqueName } from './testing.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('bad'), nodes: 2 });
});
afterAll(() => lab?.down());

const pool = (name: string, spec: object) => ({
  apiVersion: 'caracal.network/v1',
  kind: 'IPPool',
  metadata: { name },
  spec,
});
const policy = (selector: string) => ({
  apiVersion: 'caracal.network/v1',
  kind: 'GlobalNetworkPolicy',
  metadata: { name: 'wrong' },
  spec: { selector, types: ['Ingress'] },
});
const everything = async () => (await lab.ctl(['get', 'ippools', '-o', 'json'])).stdout;

describe('caracalctl apply refuses', () => {
  const good = pool('good', { cidr: '10.99.0.0/16' });
  it.each([
    ['a CIDR that is none', pool('wrong', { cidr: '10.300.0.0/16' }), /IPPool\/wrong: spec\.cidr: .*10\.300\.0\.0\/16/],
    ['a CIDR with host bits', pool('wrong', { cidr: '10.98.0.1/16' }), /spec\.cidr: .*10\.98\.0\.0\/16/],
    ['overlapping pools', pool('wrong', { cidr: '10.244.128.0/17' }), /IPPool\/wrong: spec\.cidr: .*10\.244\.0\.0\/16/],
    ['an unknown field', pool('wrong', { cidr: '10.98.0.0/16', blocksize: 26 }), /spec\.blocksize: .*blockSize/],
    ['a selector that does not parse', policy("app == 'web' &&"), /GlobalNetworkPolicy\/wrong: spec\.selector: /],
  ])('%s, and stores nothing of the file', async (_, wrong, message) => {
    const before = await everything();
    const { code, stderr } = await lab.ctl(['apply', '-f', '-'], {
      input: [good, wrong].map((document) => JSON.stringify(document)).join('\n---\n'),
    });
    expect(code).toBe(1);
    // A long message is one line for a program, whatever a terminal makes of it.
    expect(stderr).toMatch(message);
    expect(await everything()).toBe(before);
  });
});

describe('a BGP peer with the wrong AS', () => {
  it('is shown with what was expected and what was received', async () => {
    const { router } = lab.topology;
    const wrong = {
      apiVersion: 'caracal.network/v1',
      kind: 'BGPPeer',
      metadata: { name: 'wrong-as' },
      spec: { node: 'n1', peerIP: `${router.address}:179`, asNumber: 64999 },
    };
    const existing = JSON.parse((await lab.ctl(['get', 'bgppeers', '-o', 'json'])).stdout);
    const [peer] = existing.items ?? existing;
    await lab.ctl(['delete', 'bgppeer', peer.metadata.name]);
    await lab.apply([wrong]);
    const table = await eventually('Bad Peer AS in caracalctl bgp peers', async () => {
      const { stdout } = await lab.ctl(['bgp', 'peers']);
      return stdout.includes('Bad Peer AS') && stdout;
    });
    expect(table).toMatch(new RegExp(`Bad Peer AS: expected 64999, received ${router.asNumber}`));
    await lab.ctl(['delete', 'bgppeer', 'wrong-as']);
    await lab.apply([
      { apiVersion: peer.apiVersion, kind: peer.kind, metadata: { name: peer.metadata.name }, spec: peer.spec },
    ]);
    await eventually('the session again', async () => (await lab.ctl(['bgp', 'peers'])).stdout.includes('Established'));
  });
});

describe('the hub', () => {
  const clientOf = (who: string) => {
    const { ca, cert, key } = credentials(lab.topology, who);
    return createHubTransport({
      socket: lab.topology.hub.socket,
      ca: readFileSync(ca),
      cert: readFileSync(cert),
      key: readFileSync(key),
    });
  };

  it("refuses a node that releases another node's block, and names the owner", async () => {
    await lab.pod.add({ node: 'n2', name: 'owner' });
    const admin = clientOf('admin');
    const node = clientOf('n1');
    try {
      const { blocks } = await createClient(AdminService, admin).listBlocks({});
      const foreign = blocks.find((block) => block.node === 'n2')!;
      const incarnation = '3f0c6c1e-7d0b-4d52-9a0e-0f6f3c1f2a10';
      const error = await createClient(NodeService, node)
        .releaseBlock({ cidr: foreign.cidr, incarnation })
        .catch(ConnectError.from);
      expect(error).toMatchObject({ code: Code.PermissionDenied });
      expect(String(error)).toContain('n2');
      expect((await createClient(AdminService, admin).listBlocks({})).blocks).toEqual(blocks);
    } finally {
      admin.close();
      node.close();
      await lab.pod.remove('owner');
    }
  });

  it("refuses a node's certificate for what administrators do", async () => {
    const node = clientOf('n1');
    try {
      const error = await createClient(AdminService, node).listBlocks({}).catch(ConnectError.from);
      expect(error).toMatchObject({ code: Code.PermissionDenied });
    } finally {
      node.close();
    }
  });
});

describe('the CNI executable', () => {
  const call = (input: string, environment: Record<string, string> = {}) => {
    const { cniBin } = lab.topology.nodeList[0];
    const variables = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'x',
      CNI_IFNAME: 'eth0',
      CNI_PATH: cniBin,
      ...environment,
    };
    const words = Object.entries({ CNI_NETNS: lab.topology.client.netns, ...variables }).map(([k, v]) => `${k}=${v}`);
    return lab.exec('n1', 'env', [...words, `${cniBin}/caracal`], { input });
  };

  it('answers standard input that is no JSON with code 6', async () => {
    const { code, stdout } = await call('{"cniVersion": "1.1.0", ');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 6, msg: expect.stringMatching(/JSON/) });
  });

  it('answers a namespace that is none with its path', async () => {
    const conf = JSON.stringify({ cniVersion: '1.1.0', name: 'caracal', type: 'caracal' });
    const { code, stdout } = await call(conf, { CNI_NETNS: '/etc/hostname' });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ msg: expect.stringContaining('/etc/hostname') });
    const { stdout: links } = await lab.exec('n1', 'ip', ['-br', 'link']);
    expect(links).not.toContain('cara');
  });

  it('answers ADD with code 11 and the socket when there is no agent, and leaves nothing', async () => {
    await lab.agent('n1').stop();
    await expect(lab.pod.add({ node: 'n1', name: 'early' })).rejects.toThrow(/cni\.sock.*\(code 11\)/s);
    expect(await footprint(`${lab.name}-p`)).toEqual([]);
    await lab.agent('n1').start();
  });
});
