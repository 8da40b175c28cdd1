import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from './row.ts';
import { demand, failure, nothing, success } from './subject.ts';

/** Section 2 "CNI operations": ADD and DEL; section 3 "Lifecycle & Ordering". */
export const operations: readonly Row[] = [
  {
    id: 'add-creates',
    section: 'ADD',
    says: 'creates the interface in the container, ready for use',
    level: 'must',
    test: async (t) => {
      await t.add();
      const link = await t.link('eth0');
      demand(link !== undefined, 'no interface eth0 in the container');
      demand(link.up, 'eth0 is not up');
    },
  },
  {
    id: 'add-connects',
    section: 'Overview: "ensure it has connectivity"',
    says: 'the host reaches the container at the address of the result',
    level: 'must',
    test: async (t) => {
      const { ips } = await t.add();
      await t.subject.node.run('ping', ['-c', '1', '-W', '5', ips[0].address.split('/')[0]]);
    },
  },
  {
    id: 'add-json-alone',
    section: 'ADD: "output a result structure on standard out"',
    says: 'standard output is the result and nothing else',
    level: 'must',
    test: async (t) => {
      const { stdout } = await t.call('ADD');
      demand(/^\s*\{[\s\S]*\}\s*$/.test(stdout), `more than an object: ${stdout}`);
      JSON.parse(stdout);
    },
  },
  {
    id: 'add-twice',
    section: 'ADD: "MUST return with an error"',
    says: 'an interface of the name exists: an error, and the interface works on',
    level: 'must',
    test: async (t) => {
      const { ips } = await t.add();
      failure(await t.call('ADD'));
      demand((await t.addresses()).includes(ips[0].address), 'the first ADD lost its address');
    },
  },
  {
    id: 'add-foreign-interface',
    section: 'ADD: "MUST return with an error"',
    says: "an interface of somebody else's has the name: an error, it stays, and nothing is left on the host",
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      const pod = await t.pod();
      await pod.run('ip', ['link', 'add', 'eth0', 'type', 'bridge']);
      failure(await t.call('ADD'));
      demand(
        (await pod.run('ip', ['-details', 'link', 'show', 'eth0'])).includes('bridge'),
        'the interface was replaced',
      );
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'add-second-interface',
    section: 'ADD: "each addition is done with a different interface name"',
    says: 'a container may be added again under another interface name',
    level: 'must',
    test: async (t) => {
      const first = await t.add();
      const second = await t.add({ env: { CNI_IFNAME: 'net1' } });
      demand(first.ips[0].address !== second.ips[0].address, `both have ${first.ips[0].address}`);
      for (const name of ['eth0', 'net1']) demand((await t.link(name)) !== undefined, `no interface ${name}`);
    },
  },
  {
    id: 'add-prev-result',
    section: 'ADD; "ADD Success": "must output it as their result"',
    says: 'what prevResult holds is in the result, with what the plugin changes',
    level: 'must',
    test: async (t) => {
      const prevResult = {
        cniVersion: t.version,
        interfaces: [{ name: 'first0', mac: '02:00:00:00:00:01', sandbox: '/run/netns/x' }],
        ips: [{ ...(t.version < '1.0.0' && { version: '4' }), address: '192.0.2.7/24', interface: 0 }],
        routes: [{ dst: '192.0.2.128/25', gw: '192.0.2.1' }],
        dns: { nameservers: ['192.0.2.53'] },
      };
      const result = success(await t.call('ADD', { configuration: { prevResult } }));
      demand(
        result.interfaces.some(({ name }) => name === 'first0'),
        'its interface is missing',
      );
      demand(
        result.ips.some(({ address }) => address === '192.0.2.7/24'),
        'its address is missing',
      );
      demand(result.routes?.some(({ dst }) => dst === '192.0.2.128/25') ?? false, 'its route is missing');
      const own = result.ips.find(({ address }) => address !== '192.0.2.7/24');
      demand(
        own !== undefined && result.interfaces[own.interface ?? -1]?.name === 'eth0',
        'our address is not on eth0',
      );
    },
  },
  {
    id: 'add-failed-leaves-nothing',
    section: 'Lifecycle: "A delete must still be executed even if the add fails"',
    says: 'DEL after an ADD that failed succeeds, and nothing is left',
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      failure(await t.call('ADD', { env: { CNI_NETNS: '/etc/hostname' } }));
      nothing(await t.call('DEL'));
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'add-concurrently',
    section: 'Lifecycle: "executed concurrently across different containers"',
    says: 'ADDs for several containers at once all succeed, with different addresses',
    level: 'must',
    test: async (t) => {
      const containers = await Promise.all([...'01234567'].map(async (n) => ({ n, netns: await t.namespace() })));
      const results = await Promise.all(
        containers.map(({ n, netns }) =>
          t.add({ env: { CNI_CONTAINERID: `${t.containerId}-${n}`, CNI_NETNS: netns.path } }),
        ),
      );
      const addresses = results.map(({ ips }) => ips[0].address);
      demand(new Set(addresses).size === containers.length, `the same address twice: ${addresses.sort()}`);
    },
  },
  {
    id: 'del-deletes',
    section: 'DEL',
    says: 'deletes the interface in the container, and what belongs to it on the host',
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      await t.add();
      nothing(await t.call('DEL'));
      demand((await t.link('eth0')) === undefined, 'the interface is still there');
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'del-silent',
    section: 'Result Types: only ADD and VERSION output one',
    says: 'DEL prints nothing when it succeeds',
    level: 'habit',
    test: async (t) => {
      await t.add();
      nothing(await t.call('DEL'));
    },
  },
  {
    id: 'del-twice',
    section: 'DEL: "MUST accept multiple DEL calls"',
    says: 'another DEL succeeds, and so does one of what never was',
    level: 'must',
    test: async (t) => {
      nothing(await t.call('DEL'));
      await t.add();
      for (let i = 0; i < 3; i++) nothing(await t.call('DEL'));
    },
  },
  {
    id: 'del-interface-missing',
    section: 'DEL: "return success if the interface in question … missing"',
    says: 'DEL succeeds when somebody has deleted the interface',
    level: 'must',
    test: async (t) => {
      await t.add();
      await (await t.pod()).run('ip', ['link', 'delete', 'eth0']);
      nothing(await t.call('DEL'));
    },
  },
  {
    id: 'del-without-netns',
    section: 'DEL: Optional environment parameters',
    says: 'DEL succeeds without CNI_NETNS',
    level: 'must',
    test: async (t) => {
      await t.add();
      nothing(await t.call('DEL', { env: { CNI_NETNS: undefined } }));
      nothing(await t.call('DEL', { env: { CNI_NETNS: '' } }));
    },
  },
  {
    id: 'del-netns-gone',
    section: 'DEL: "even if the container network namespace … no longer exist"',
    says: 'DEL succeeds when the namespace is gone, and cleans up the host',
    level: 'should',
    test: async (t) => {
      const before = await t.hostLinks();
      const netns = await t.namespace();
      const env = { CNI_NETNS: netns.path };
      await t.add({ env });
      await netns.remove();
      nothing(await t.call('DEL', { env }));
      // The kernel takes a namespace apart behind its back.
      let left = await t.hostLinks();
      for (
        const end = Date.now() + 10_000;
        String(left) !== String(before) && Date.now() < end;
        left = await t.hostLinks()
      ) {
        await sleep(50);
      }
      demand(String(left) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'del-then-add',
    section: 'ADD: "without an intervening DEL"',
    says: 'after DEL the container can be added again',
    level: 'must',
    test: async (t) => {
      await t.add();
      nothing(await t.call('DEL'));
      await t.add();
      demand((await t.link('eth0')) !== undefined, 'no interface eth0 in the container');
    },
  },
  {
    id: 'del-prev-result',
    section: 'Deleting an attachment: "the final result of the add operation"',
    says: 'DEL takes the result of ADD, or none',
    level: 'must',
    test: async (t) => {
      const prevResult = await t.add();
      nothing(await t.call('DEL', { configuration: { prevResult } }));
    },
  },
  {
    id: 'del-one-of-two',
    section: 'Execution of Network Configurations: (CNI_CONTAINERID, CNI_IFNAME)',
    says: 'DEL of one attachment leaves the others of the container',
    level: 'must',
    test: async (t) => {
      const { ips } = await t.add();
      await t.add({ env: { CNI_IFNAME: 'net1' } });
      nothing(await t.call('DEL', { env: { CNI_IFNAME: 'net1' } }));
      demand((await t.link('net1')) === undefined, 'net1 is still there');
      demand((await t.addresses()).includes(ips[0].address), 'eth0 lost its address');
    },
  },
  {
    id: 'del-after-refusal',
    section: 'DEL: "should generally complete a DEL action without error"',
    says: 'DEL with what an ADD was refused for succeeds: the container must be able to go',
    level: 'should',
    test: async (t) => {
      for (const call of [{ configuration: { mtu: 'big' } }, { env: { CNI_ARGS: 'novalue' } }]) {
        failure(await t.call('ADD', call));
        nothing(await t.call('DEL', call));
      }
    },
  },
];
