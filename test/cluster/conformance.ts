// docs/conformance.md: what upstream's NetworkPolicy suite says of this checkout.
import { writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { markdownTable } from '../../scripts/markdown-table.ts';
import { kubernetesVersion } from './build.ts';
import type { SpecResult } from './netpol.ts';

const page = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

/** Specs that open SCTP sockets, on a kernel that has none. */
export interface Sctp {
  readonly supported: boolean;
  /** What a program in a pod that no policy selects says when it opens one. */
  readonly witness: string;
}

/** Writes the page from a run of all specs. */
export async function writeConformance(results: readonly SpecResult[], sctp: Sctp): Promise<void> {
  await writeFile(page, renderConformance(results, sctp));
}

function renderConformance(results: readonly SpecResult[], sctp: Sctp): string {
  const passed = results.filter(({ state }) => state === 'passed');
  const sorted = results.toSorted((a, b) => a.group.localeCompare(b.group) || a.name.localeCompare(b.name));
  const rows = sorted.map(({ group, name, state, seconds }) => [group, name, state, `${seconds} s`]);
  return [
    '# Conformance with Kubernetes NetworkPolicy',
    '',
    `Upstream's own suite, \`e2e.test --ginkgo.focus=Netpol\` of Kubernetes ${kubernetesVersion}, on the cluster of docs/cluster.md (two nodes,`,
    `kube-proxy with iptables, Linux ${release().split('.').slice(0, 2).join('.')}): ${passed.length} of ${results.length} specs pass. Written by`,
    '`npm run test:cluster -- --all`; `npm run test:cluster` runs ten of them.',
    '',
    ...(sctp.supported ? [] : sctpNote(sctp)),
    ...markdownTable([['protocol', 'spec', 'result', 'time'], ...rows]),
    '',
  ].join('\n');
}

const sctpNote = ({ witness }: Sctp) => [
  'The specs under SCTP need a kernel in which programs can open SCTP sockets, and this one is built without them (`CONFIG_IP_SCTP`).',
  'With no policy at all, on either pod, the same connection fails the same way:',
  '',
  '```',
  `$ kubectl exec POD -- /agnhost connect ADDRESS:80 --protocol=sctp --timeout=3s`,
  witness,
  '```',
  '',
  'That SCTP packets are judged as the policy says is tested with packets that need no such socket (`test/kernel`).',
  '',
];
