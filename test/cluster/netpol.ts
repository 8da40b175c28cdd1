// Upstream's NetworkPolicy suite: the specs of Kubernetes' own e2e.test that have Netpol in their name.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { binaryPath } from './build.ts';
import { kubeconfig } from './commands.ts';

export interface SpecResult {
  /** As upstream has it, without its labels: such as `should support allow-all policy`. */
  readonly name: string;
  /** TCP unless the container's name says otherwise; API for those without traffic. */
  readonly group: 'TCP' | 'UDP' | 'SCTP' | 'API';
  readonly state: string;
  readonly seconds: number;
  /** Of a spec that did not pass: what it says first. */
  readonly message?: string;
}

/** What `--ginkgo.json-report` writes (github.com/onsi/ginkgo/v2/types, Report): the fields read here. */
interface Suite {
  readonly SpecReports: readonly Spec[];
}

interface Spec {
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly State: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
}

/**
 * Runs the specs whose names hold one of `focus` as text (all 51 have Netpol in theirs), but for those that hold `skip`; `progress`
 * gets one line for each that ends. Two runs can go on beside each other.
 * @throws when e2e.test leaves no report, with the end of what it printed
 */
export async function runNetpol(
  { focus, skip }: { readonly focus: readonly string[]; readonly skip?: string },
  progress: (line: string) => void,
): Promise<SpecResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'caracal-netpol-'));
  try {
    const report = join(folder, 'report.json');
    const args = [
      ...focus.map((name) => `--ginkgo.focus=Netpol.*${escapeRegExp(name)}`),
      ...(skip ? [`--ginkgo.skip=${escapeRegExp(skip)}`] : []),
      ...['--kubeconfig', kubeconfig, '--provider=local', '--num-nodes=2'],
      ...['--ginkgo.v', '--ginkgo.no-color', `--ginkgo.json-report=${report}`],
    ];
    const child = spawn(binaryPath('e2e.test'), args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const last: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        last.push(line);
        if (last.length > 40) last.shift();
        if (/^(• |\[FAILED\] \[|Ran \d)/.test(line)) progress(line);
      });
    }
    const [code] = await once(child, 'close');
    const text = await readFile(report, 'utf8').catch(() => {
      throw new Error(`e2e.test ended with code ${code} and without a report; it printed last:\n${last.join('\n')}`);
    });
    const suites: Suite[] = JSON.parse(text);
    return suites.flatMap(({ SpecReports }) =>
      SpecReports.filter(({ LeafNodeType, State }) => LeafNodeType === 'It' && State !== 'skipped').map(toResult),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toResult(spec: Spec): SpecResult {
  const containers = (spec.ContainerHierarchyTexts ?? []).join(' ');
  const protocol = /using (UDP|SCTP)/.exec(containers)?.[1] as 'UDP' | 'SCTP' | undefined; // The expression has no other group.
  return {
    name: spec.LeafNodeText.replace(/ \[Feature:.*$/, ''),
    group: containers.includes('Netpol API') ? 'API' : (protocol ?? 'TCP'),
    state: spec.State,
    seconds: Math.round(spec.RunTime / 1e9),
    ...(spec.Failure && { message: spec.Failure.Message?.split('\n')[0] ?? '' }),
  };
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
