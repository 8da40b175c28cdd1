import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { benchBgp, formatBgpBench } from './bgp/bench.ts';
import { benchCni, formatCniBench } from './cni.ts';
import { benchDataplane, formatDataplaneBench } from './dataplane.ts';
import { benchFeed, formatFeedBench } from './feed.ts';
import { benchIpam, formatIpamBench } from './ipam.ts';
import { run as benchPolicy, formatPolicyBench } from './policy.ts';
import { standAside } from './stand-aside.ts';

/**
 * `npm run bench -- NAME [--json]`: the table on standard output (`--json`: the figures as one object), progress on
 * standard error. `--lab LAB` measures on a lab that is up instead of one made for the purpose; `--trace` says where the time of an ADD
 * goes, and needs a lab of its own.
 */

/** Selects the pods of the benchmark, so that their ADD has rules of their own to put into the kernel. */
const policy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'bench', namespace: 'bench' },
  spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: {} }] }] },
};

const progress = (line: string) => console.error(line);

async function cni(flags: { lab?: string; pods: string; json: boolean; trace: boolean }): Promise<void> {
  const folder = makeTemporaryFolder('trace');
  const trace = flags.trace ? join(folder, 'steps') : undefined;
  // The lab hands it to its agents when they start.
  if (trace) process.env.CARACAL_TRACE = trace;
  const { openLab, upTemporaryLab } = await import('@caracal/lab');
  const lab = flags.lab
    ? await openLab(flags.lab)
    : await upTemporaryLab({ name: 'bench', nodes: 1, tor: 'none', onProgress: progress });
  try {
    if (!flags.lab) {
      await lab.apply([policy]);
      standAside(await lab.serverPids());
    }
    const [node] = (await lab.status()).nodes;
    const result = await benchCni(node, {
      pods: Number(flags.pods),
      atOnce: 40,
      policies: 1_000,
      trace,
      onProgress: progress,
    });
    console.log(flags.json ? JSON.stringify(result) : formatCniBench(result));
  } finally {
    if (!flags.lab) await lab.down();
    removeTemporaryFolder(folder);
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    lab: { type: 'string' },
    only: { type: 'string' },
    'per-update': { type: 'string', default: '4' },
    part: { type: 'string' },
    routes: { type: 'string' },
    runs: { type: 'string', default: '5' },
    pods: { type: 'string', default: '300' },
    trace: { type: 'boolean', default: false },
  },
});
if (positionals[0] === 'cni' && positionals.length === 1) {
  await cni(values);
} else if (positionals[0] === 'policy' && positionals.length === 1) {
  const result = benchPolicy({ onProgress: progress });
  console.log(values.json ? JSON.stringify(result) : formatPolicyBench(result));
} else if (positionals[0] === 'dataplane' && positionals.length === 1) {
  const result = await benchDataplane({ onProgress: progress });
  console.log(values.json ? JSON.stringify(result) : formatDataplaneBench(result));
} else if (positionals[0] === 'ipam' && positionals.length === 1) {
  const result = await benchIpam({ onProgress: progress });
  console.log(values.json ? JSON.stringify(result) : formatIpamBench(result));
} else if (positionals[0] === 'feed' && positionals.length === 1) {
  const result = await benchFeed({ only: values.only?.split(','), onProgress: progress });
  console.log(values.json ? JSON.stringify(result) : formatFeedBench(result));
} else if (positionals[0] === 'bgp' && positionals.length === 1) {
  const result = await benchBgp({
    routes: values.routes === undefined ? undefined : Number(values.routes),
    parts: values.part?.split(','),
    perUpdate: Number(values['per-update']),
    runs: Number(values.runs),
    only: values.only?.split(','),
    onProgress: progress,
  });
  console.log(values.json ? JSON.stringify(result) : formatBgpBench(result));
} else {
  console.error(
    'usage: npm run bench -- cni [--json] [--lab LAB] [--pods N] [--trace]\n       npm run bench -- policy|dataplane|ipam [--json]\n' +
      '       npm run bench -- feed [--json] [--only latency,snapshot,hub]\n' +
      '       npm run bench -- bgp [--json] [--part through,share,flap] [--routes N [--per-update N]] [--runs N] [--only BIRD,FRR,GoBGP,caracal,sources]',
  );
  process.exitCode = 2;
}
