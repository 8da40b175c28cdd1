import { ask, type Finding, findProgram, ok, problem, read, warning } from './host.ts';

/** What the agent starts, and the Debian package that has it. */
const programs = [
  ['iptables-nft-restore', 'iptables'],
  ['iptables-nft-save', 'iptables'],
  ['ip6tables-nft-restore', 'iptables'],
  ['ip6tables-nft-save', 'iptables'],
  ['ipset', 'ipset'],
] as const;

export function checkPrograms(): Finding[] {
  const missing = programs.filter(([program]) => !findProgram(program));
  if (missing.length === 0) return [ok('programs', programs.map(([program]) => program).join(', '))];
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  return [
    problem('programs', `missing: ${missing.map(([program]) => program).join(', ')}`, `apt-get install ${packages}`),
  ];
}

interface Ability {
  readonly name: string;
  readonly command: readonly string[];
  /** What loads it, where it is a module. */
  readonly modules: string;
  /** What does not work without; absent when no pod does. */
  readonly only?: string;
}

const rule = (name: string, modules: string, ...args: string[]): Ability => ({
  name,
  modules,
  command: ['iptables-nft', ...args],
});

/** What the kernel must be able to do, each tried in a network namespace that is gone afterwards: modules may be built in, or not be there to be listed. */
const abilities: readonly Ability[] = [
  { name: 'veth', modules: 'veth', command: ['ip', 'link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b'] },
  { name: 'sets of networks', modules: 'ip_set_hash_net', command: ['ipset', 'create', 'a', 'hash:net'] },
  { name: 'sets of ports', modules: 'ip_set_hash_ipport', command: ['ipset', 'create', 'a', 'hash:ip,port'] },
  {
    name: 'sets for hairpins',
    modules: 'ip_set_hash_ipportip',
    command: ['ipset', 'create', 'a', 'hash:ip,port,ip'],
  },
  rule('match conntrack', 'xt_conntrack', '-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'),
  rule(
    'match multiport',
    'xt_multiport',
    '-A',
    'FORWARD',
    '-p',
    'tcp',
    '-m',
    'multiport',
    '--dports',
    '1,2',
    '-j',
    'DROP',
  ),
  rule('match tcp', 'xt_tcpudp', '-A', 'FORWARD', '-p', 'tcp', '-m', 'tcp', '--dport', '1', '-j', 'DROP'),
  rule('target MARK', 'xt_mark', '-A', 'FORWARD', '-j', 'MARK', '--set-xmark', '0x1/0x1'),
  rule('target MASQUERADE', 'xt_MASQUERADE', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE'),
  rule(
    'target DNAT',
    'xt_nat',
    '-t',
    'nat',
    '-A',
    'PREROUTING',
    '-p',
    'tcp',
    '-j',
    'DNAT',
    '--to-destination',
    '192.0.2.1:1',
  ),
  rule(
    'match addrtype',
    'xt_addrtype',
    '-t',
    'nat',
    '-A',
    'PREROUTING',
    '-m',
    'addrtype',
    '--dst-type',
    'LOCAL',
    '-j',
    'RETURN',
  ),
  {
    name: 'ifb',
    modules: 'ifb sch_tbf sch_ingress cls_u32 act_mirred',
    command: ['ip', 'link', 'add', 'name', 'a', 'type', 'ifb'],
    only: 'limits of what pods send',
  },
  {
    name: 'IPv6 rules',
    modules: 'ip6_tables',
    command: ['ip6tables-nft', '-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'],
    only: 'pods of IPv6',
  },
];

export async function checkAbilities(): Promise<Finding[]> {
  const findings = await Promise.all(
    abilities.map(async ({ name, command, modules, only }): Promise<Finding | undefined> => {
      const { ok: able, message } = await ask('unshare', ['--net', '--', ...command]);
      if (able) return undefined;
      const remedy = `modprobe -a ${modules}, or a kernel that has it (${command.join(' ')})`;
      const check = `kernel: ${name}`;
      return only ? warning(check, `${message}; without it no ${only}`, remedy) : problem(check, message, remedy);
    }),
  );
  const missing = findings.filter((finding) => finding !== undefined);
  const able = abilities.length - missing.length;
  return [ok('kernel', `${able} of ${abilities.length} abilities, tried`), ...missing];
}

const sysctl = (name: string) => read(`/proc/sys/${name.replaceAll('.', '/')}`);

/** Forwarding, and the reverse-path filter of the interfaces by which this node is reached. */
export function checkSysctls(uplinks: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const forwarding = sysctl('net.ipv4.ip_forward');
  findings.push(
    forwarding === '1'
      ? ok('forwarding', 'net.ipv4.ip_forward is 1')
      : problem(
          'forwarding',
          `net.ipv4.ip_forward is ${forwarding}: no packet of a pod leaves this node`,
          'start the agent, which sets it; or sysctl -w net.ipv4.ip_forward=1, and look in /etc/sysctl.d for who resets it',
        ),
  );
  // The kernel takes the larger of the two (ip-sysctl.rst, rp_filter).
  const filter = (name: string) =>
    Math.max(Number(sysctl('net.ipv4.conf.all.rp_filter')), Number(read(`/proc/sys/net/ipv4/conf/${name}/rp_filter`)));
  const strict = uplinks.filter((name) => filter(name) === 1);
  findings.push(
    strict.length === 0
      ? ok('reverse path', `not strict on ${uplinks.join(', ') || 'any uplink'}`)
      : warning(
          'reverse path',
          `strict on ${strict.join(', ')}: what comes by another way than it would go back is dropped`,
          `with several routers, ${strict.map((name) => `sysctl -w net.ipv4.conf.${name}.rp_filter=2`).join('; ')}`,
        ),
  );
  const [used, most] = [sysctl('net.netfilter.nf_conntrack_count'), sysctl('net.netfilter.nf_conntrack_max')];
  if (used && most && Number(used) > 0.9 * Number(most)) {
    findings.push(
      problem(
        'conntrack',
        `${used} of ${most} flows: new ones will be dropped`,
        `sysctl -w net.netfilter.nf_conntrack_max=${Number(most) * 2}`,
      ),
    );
  }
  return findings;
}
