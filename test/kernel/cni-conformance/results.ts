import type { Row } from './row.ts';
import { type CniResult, demand, type Trial } from './subject.ts';

/** Section 5 "Result Types": what ADD prints, held against the kernel. */

function own(result: CniResult, name = 'eth0') {
  const found = result.interfaces?.find((each) => each.name === name && each.sandbox);
  demand(found !== undefined, `interface ${name} of the container is not in the result`);
  return found;
}

async function inEveryVersion(trial: Trial, test: (result: CniResult, version: string) => void): Promise<void> {
  for (const cniVersion of trial.subject.versions) {
    const configuration = { cniVersion };
    test(await trial.add({ configuration }), cniVersion);
    await trial.call('DEL', { configuration });
  }
}

export const results: readonly Row[] = [
  {
    id: 'result-version',
    section: 'ADD Success: cniVersion',
    says: 'is the version of the input',
    level: 'must',
    test: (t) =>
      inEveryVersion(t, ({ cniVersion }, version) =>
        demand(cniVersion === version, `cniVersion is ${cniVersion}, not ${version}`),
      ),
  },
  {
    id: 'result-ip-version',
    section: 'Released versions: 1.0.0 removed the field version of ips',
    says: 'ips say their family up to 0.4.0, and not from 1.0.0',
    level: 'must',
    test: (t) =>
      inEveryVersion(t, ({ ips }, version) => {
        const expected = version < '1.0.0' ? '4' : undefined;
        for (const ip of ips) demand(ip.version === expected, `version ${ip.version} in ${version}`);
      }),
  },
  {
    id: 'result-interfaces',
    section: 'ADD Success: interfaces',
    says: 'every interface that was made is listed, that on the host included',
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      const result = await t.add();
      const made = (await t.hostLinks()).filter((name) => !before.includes(name));
      const listed = result.interfaces.filter(({ sandbox }) => !sandbox).map(({ name }) => name);
      demand(String(listed.sort()) === String(made), `listed ${listed}, made ${made}`);
      own(result);
    },
  },
  {
    id: 'result-mac',
    section: 'ADD Success: mac',
    says: 'is the hardware address that the interface has',
    level: 'must',
    test: async (t) => {
      const { mac } = own(await t.add());
      const link = await t.link('eth0');
      demand(mac?.toLowerCase() === link?.mac, `${mac}, not ${link?.mac}`);
    },
  },
  {
    id: 'result-mtu',
    section: 'ADD Success: mtu',
    says: 'is the MTU that the interface has, from 1.1.0',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const { mtu } = own(await t.add({ configuration: { mtu: 1400 } }));
      const link = await t.link('eth0');
      demand(mtu === 1400 && link?.mtu === 1400, `the result says ${mtu}, the kernel ${link?.mtu}, asked was 1400`);
    },
  },
  {
    id: 'result-sandbox',
    section: 'ADD Success: sandbox',
    says: 'is CNI_NETNS for interfaces in the container, and empty for those on the host',
    level: 'must',
    test: async (t) => {
      const { interfaces } = await t.add();
      const { path } = await t.pod();
      const inside = interfaces.find(({ name }) => name === 'eth0');
      demand(inside?.sandbox === path, `sandbox of eth0 is ${inside?.sandbox}, not ${path}`);
      const outside = interfaces.filter(({ name }) => name !== 'eth0');
      for (const { name, sandbox } of outside) demand(!sandbox, `${name} is on the host and has sandbox ${sandbox}`);
    },
  },
  {
    id: 'result-address',
    section: 'ADD Success: ips.address',
    says: 'is in CIDR notation, and the container has it',
    level: 'must',
    test: async (t) => {
      const { ips } = await t.add();
      const present = await t.addresses();
      demand(ips.length > 0, 'no address');
      for (const { address } of ips) demand(present.includes(address), `${address} is not among ${present}`);
    },
  },
  {
    id: 'result-interface-index',
    section: 'ADD Success: ips.interface',
    says: 'is the index of the interface that has the address',
    level: 'must',
    test: async (t) => {
      const { ips, interfaces } = await t.add();
      for (const { interface: index } of ips) {
        demand(Number.isInteger(index), `interface is ${index}`);
        demand(interfaces[index!]?.name === 'eth0', `interface ${index} is ${interfaces[index!]?.name}`);
      }
    },
  },
  {
    id: 'result-gateway',
    section: 'ADD Success: ips.gateway',
    says: "is the gateway of the container's default route",
    level: 'must',
    test: async (t) => {
      const { ips } = await t.add();
      const route = (await t.routes()).find(({ dst }) => dst === '0.0.0.0/0');
      for (const { gateway } of ips) demand(route?.gw === gateway, `${gateway}, not ${route?.gw}`);
    },
  },
  {
    id: 'result-routes',
    section: 'ADD Success: routes',
    says: 'every route that is listed is in the container',
    level: 'must',
    test: async (t) => {
      const { routes } = await t.add();
      demand(routes !== undefined && routes.length > 0, 'no route');
      const present = (await t.routes()).map(({ dst }) => dst);
      for (const { dst } of routes) demand(present.includes(dst), `there is no route ${dst}`);
    },
  },
  {
    id: 'result-second-default-route',
    section: 'ADD Success: routes',
    says: 'a route that an earlier interface of the container has is not listed again as made',
    level: 'must',
    test: async (t) => {
      await t.add();
      const { routes = [] } = await t.add({ env: { CNI_IFNAME: 'net1' } });
      const present = (await t.routes()).some(({ dst, dev }) => dst === '0.0.0.0/0' && dev === 'net1');
      const listed = routes.some(({ dst }) => dst === '0.0.0.0/0');
      demand(listed === present, `listed: ${listed}; in the kernel: ${present}`);
    },
  },
  {
    id: 'result-dns',
    section: 'ADD Success: dns; well-known keys: dns',
    says: "is a dictionary, with the configuration's",
    level: 'must',
    test: async (t) => {
      const dns = { nameservers: ['192.0.2.53'], domain: 'example.org', search: ['example.org'], options: ['ndots:2'] };
      const result = await t.add({ configuration: { dns } });
      const given = result.dns as Record<string, unknown> | undefined;
      for (const [key, value] of Object.entries(dns)) {
        demand(String(given?.[key]) === String(value), `${key} is ${given?.[key]}, not ${value}`);
      }
    },
  },
];
