import { ask, type Finding, ok, problem, warning } from './host.ts';

/** What `ip -j address` says, as far as it matters here. */
export interface Interface {
  readonly ifname: string;
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string; readonly scope?: string }[];
}

export async function listInterfaces(): Promise<readonly Interface[]> {
  const { stdout } = await ask('ip', ['-j', 'address']);
  return stdout === '' ? [] : (JSON.parse(stdout) as Interface[]); // of iproute2
}

/** Interfaces by which the rest of the network is reached. */
export async function findUplinks(): Promise<string[]> {
  const { stdout } = await ask('ip', ['-j', 'route', 'show', 'default']);
  const routes = stdout === '' ? [] : (JSON.parse(stdout) as { dev?: string; nexthops?: { dev: string }[] }[]); // of iproute2
  return [
    ...new Set(
      routes.flatMap(({ dev, nexthops }) => [...(dev ? [dev] : []), ...(nexthops ?? []).map((hop) => hop.dev)]),
    ),
  ];
}

/** Which address this node speaks BGP from, who said so, and whether it has it; and whether packets of pods fit. */
export function checkAddress(
  { address, source, mtu }: { readonly address?: string; readonly source: string; readonly mtu: number },
  interfaces: readonly Interface[],
  uplinks: readonly string[],
): Finding[] {
  const own = interfaces.flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local, scope }) => (local && scope === 'global' ? [{ ifname, local }] : [])),
  );
  const candidates = own
    .filter(({ ifname, local }) => !ifname.startsWith('cara') && !local.includes(':'))
    .map(({ local, ifname }) => `${local} (${ifname})`)
    .join(', ');
  const found = own.find(({ local }) => local === address);
  const findings: Finding[] = [];
  if (!address) {
    findings.push(
      problem(
        'address',
        `nobody says which: this node has ${candidates}`,
        'set nodeAddress in the configuration, or CARACAL_NODE_ADDRESS',
      ),
    );
  } else if (!found) {
    findings.push(
      problem(
        'address',
        `${address} (${source}) is on no interface: this node has ${candidates}`,
        `name one of these in ${source}`,
      ),
    );
  } else if (uplinks.length > 0 && !uplinks.includes(found.ifname)) {
    findings.push(
      warning(
        'address',
        `${address} on ${found.ifname}, because of ${source}; the default route leaves by ${uplinks.join(', ')}`,
        'right where nodes have a network of their own for each other; else name the address of that interface',
      ),
    );
  } else {
    findings.push(ok('address', `${address} on ${found.ifname}, because of ${source}`));
  }
  const ways = interfaces.filter(({ ifname }) => ifname === found?.ifname || uplinks.includes(ifname));
  const narrow = ways.filter((way) => way.mtu < mtu);
  findings.push(
    narrow.length === 0
      ? ok('MTU', `${mtu} of pods fits ${ways.map((way) => `${way.ifname} (${way.mtu})`).join(', ') || 'any way out'}`)
      : problem(
          'MTU',
          `pods send packets of ${mtu}, and ${narrow.map((way) => `${way.ifname} takes ${way.mtu}`).join(', ')}`,
          `set mtu: ${Math.min(...narrow.map((way) => way.mtu))} in the configuration of the agent`,
        ),
  );
  return findings;
}
