import { ask, type Finding, ok, problem, warning } from './host.ts';

/** Who else writes rules: the other back end, whose rules the kernel asks as well, and networks that were here before. */
export async function checkRules(): Promise<Finding[]> {
  const [nft, legacy] = await Promise.all([ask('iptables-nft-save', []), ask('iptables-legacy-save', [])]);
  const findings: Finding[] = [];
  if (!nft.ok) findings.push(problem('iptables', nft.message, 'run as root on the node; the kernel needs nf_tables'));
  const old = legacy.stdout.split('\n').filter((line) => line.startsWith('-A'));
  const drops = /^\*filter[^*]*^:FORWARD DROP/m.test(legacy.stdout);
  if (drops) {
    findings.push(
      problem(
        'iptables back end',
        'the legacy tables drop what is forwarded (:FORWARD DROP), whatever ours allow',
        'iptables-legacy -P FORWARD ACCEPT, and have whoever set it use iptables-nft (update-alternatives --set iptables /usr/sbin/iptables-nft)',
      ),
    );
  } else if (old.length > 0) {
    findings.push(
      warning(
        'iptables back end',
        `${old.length} rules in the legacy tables are asked beside ours, which are in nf_tables`,
        'iptables-legacy-save shows them; have whoever writes them use iptables-nft',
      ),
    );
  } else if (nft.ok) {
    findings.push(ok('iptables back end', 'nf_tables, and nothing in the legacy tables'));
  }
  for (const [chain, whose] of [
    ['cali-', 'Calico'],
    ['CILIUM_', 'Cilium'],
    ['FLANNEL-', 'Flannel'],
    ['WEAVE-', 'Weave'],
  ] as const) {
    if (!new RegExp(`^:${chain}`, 'm').test(nft.stdout + legacy.stdout)) continue;
    findings.push(
      problem(
        'other networks',
        `chains of ${whose} (${chain}…) are in the kernel, and may drop what pods send`,
        `remove ${whose} from this node, and its rules (a reboot does)`,
      ),
    );
  }
  return findings;
}
