// Upstream's NetworkPolicy specs: ten of them, or with `--all` every one, which also writes docs/conformance.md.
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBinaries } from './build.ts';
import { apply, kubectl } from './commands.ts';
import { type Sctp, writeConformance } from './conformance.ts';
import { runNetpol, type SpecResult } from './netpol.ts';
import { useCluster } from './shared.ts';
import { agnhostImage } from './support-image.ts';
import { connectFrom } from './traffic.ts';

const all = process.env.CARACAL_NETPOL === 'all';
const some = [
  "should support a 'default-deny-all' policy",
  'should enforce except clause while egress access to server in CIDR block',
  'should enforce policy based on Ports',
  'should enforce multiple, stacked policies with overlapping podSelectors',
  'should enforce updated policy',
  'should allow egress access on one named port',
  'should deny ingress access to updated pod',
  'should not allow access by TCP when a policy specifies only UDP',
  'should support creating NetworkPolicy API operations',
];

let results: SpecResult[];
let sctp: Sctp;

beforeAll(async () => {
  await useCluster();
  await ensureBinaries(['e2e.test']);
  sctp = await trySctp();
  const progress = (line: string) => console.error(`  ${line}`);
  // Those that wait for connections which a kernel without SCTP never makes take long, so they go beside the others.
  const runs = all
    ? [{ focus: [''], skip: 'using SCTP' }, { focus: ['using SCTP'] }]
    : [{ focus: some, skip: 'using SCTP' }];
  results = (await Promise.all(runs.map((run) => runNetpol(run, progress)))).flat();
  if (all) await writeConformance(results, sctp);
}, 90 * 60_000);

describe("upstream's specs", () => {
  it('are as many as were asked for', () => {
    // 'based on Ports' is there for TCP and for UDP.
    expect(results).toHaveLength(all ? 51 : some.length + 1);
  });

  it('pass, but for those that need an SCTP socket where the kernel has none', () => {
    const failed = results.filter(({ state, group }) => state !== 'passed' && (group !== 'SCTP' || sctp.supported));
    expect(failed).toEqual([]);
  });
});

/** Whether a program can open an SCTP socket here, tried between pods that no policy selects. */
async function trySctp(): Promise<Sctp> {
  const name = 'sctp-witness';
  const container = { name: 'c', image: agnhostImage, imagePullPolicy: 'Never', args: ['pause'] };
  await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [container] } });
  await kubectl(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s']);
  const { output } = await connectFrom(name, '127.0.0.1:80', 'sctp');
  await kubectl(['delete', 'pod', name, '--now']);
  return { supported: !/protocol not supported|OTHER/i.test(output), witness: output };
}
