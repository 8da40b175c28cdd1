import { join } from 'node:path';
import { findForeign, findOwn } from '@caracal/cni';
import { type Finding, findProgram, ok, problem, read, warning, whyNotServed } from './host.ts';

export interface CniFolders {
  /** Where the runtime finds network configurations. */
  readonly netD: string;
  /** Where it finds plugins. */
  readonly plugins: string;
}

/** The files that lead a container runtime to us, and who answers there. */
export async function checkCni({ netD, plugins }: CniFolders): Promise<Finding[]> {
  const findings: Finding[] = [];
  const byAgent = '10-caracal.conflist';
  // Without Kubernetes it is the administrator's, under whatever name.
  const name = read(join(netD, byAgent)) === undefined ? (findOwn(netD) ?? byAgent) : byAgent;
  const foreign = findForeign(netD, name);
  for (const { file, types } of foreign) {
    findings.push(
      problem(
        'CNI configuration',
        `${join(netD, file)} (${types.join(', ') || 'unreadable'}) is used in place of ours, or beside it`,
        'caracal-cni install --take-over, or remove it',
      ),
    );
  }
  const own = join(netD, name);
  const text = read(own);
  if (text === undefined) {
    findings.push(
      warning(
        'CNI configuration',
        `${own} is missing`,
        'on Kubernetes the agent writes it when a pod could start; else write it (docs/cni.md)',
      ),
    );
  } else if (!text.includes('"caracal"')) {
    findings.push(
      problem('CNI configuration', `${own} does not name our plugin`, 'remove it: the agent writes it anew'),
    );
  } else if (foreign.length === 0) {
    findings.push(ok('CNI configuration', own));
  }
  const missing = ['caracal', 'caracal-ipam'].filter((name) => !findProgram(name, [plugins]));
  findings.push(
    missing.length === 0
      ? ok('CNI plugins', plugins)
      : problem('CNI plugins', `${plugins} lacks ${missing.join(', ')}`, `caracal-cni install --folder ${plugins}`),
  );
  if (!findProgram('loopback', [plugins])) {
    findings.push(
      warning(
        'CNI plugins',
        `${plugins} lacks loopback, without which older container runtimes start no pod`,
        `apt-get install containernetworking-plugins && cp /usr/lib/cni/loopback ${plugins}`,
      ),
    );
  }
  const [socket] = read(join(plugins, 'caracal.path'))?.split('\n') ?? [];
  if (socket) {
    const reason = await whyNotServed(socket);
    findings.push(
      reason
        ? problem('agent', `nobody serves ${socket}: ${reason}`, 'start the agent, and look at its log')
        : ok('agent', `serves ${socket}`),
    );
  }
  return findings;
}
