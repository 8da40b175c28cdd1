import { tryFlows, watchFlow } from '../../support/probes.ts';
import { type Context, check, StepFailed } from '../context.ts';
import { flowKinds } from '../pods.ts';

interface DemoFlow {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly address: string;
}

/** The kernel's verdict on every pair of pods equals that of `policy explain`; a label changes, the verdict follows. */
export async function decide(context: Context): Promise<void> {
  const { terminal, figures } = context;
  const flows = await allFlows(context);
  const kernel = await kernelVerdicts(context, flows);
  const explained = await explainedVerdicts(context, flows);
  const different = flows.flatMap((flow, i) =>
    kernel[i] === explained[i] ? [] : [`${flow.from} → ${flow.to} ${flow.protocol} ${flow.port}: kernel ${kernel[i]}`],
  );
  const allowed = kernel.filter((verdict) => verdict === 'Allow').length;
  check(
    context,
    different.length === 0 && allowed > 0 && allowed < flows.length,
    `${flows.length} flows: the kernel and \`policy explain\` agree (${allowed} allowed)`,
    `they differ on ${different.length}: ${different.slice(0, 5).join('; ')}`,
  );
  figures.push([`kernel verdict = explained verdict`, `${flows.length} of ${flows.length} flows`]);

  for (const args of [
    ['--from', 'shop/web', '--to', 'shop/api', '--protocol', 'TCP', '--port', '8080'],
    ['--from', 'ops/batch', '--to', 'shop/db', '--protocol', 'TCP', '--port', '9100'],
  ]) {
    const { stdout } = await context.lab.ctl(['policy', 'explain', ...args]);
    terminal.command(`caracalctl policy explain ${args.join(' ')}`, stdout, 20);
  }
  await relabel(context);
}

async function allFlows({ lab }: Context): Promise<DemoFlow[]> {
  const pods = await lab.pod.list();
  return pods.flatMap((source) =>
    pods
      .filter((destination) => destination !== source)
      .flatMap((destination) =>
        flowKinds.map((kind) => ({
          ...kind,
          from: `${source.namespace}/${source.name}`,
          to: `${destination.namespace}/${destination.name}`,
          address: destination.ips[0],
        })),
      ),
  );
}

async function kernelVerdicts({ lab }: Context, flows: readonly DemoFlow[]): Promise<string[]> {
  const verdicts = new Map<DemoFlow, string>();
  const sources = Map.groupBy(flows, (flow) => flow.from);
  await Promise.all(
    [...sources].map(async ([source, own]) => {
      const outcomes = await tryFlows(
        lab,
        source,
        own.map((flow) => ({ ...flow, timeoutMs: 800 })),
      );
      for (const [i, flow] of own.entries()) verdicts.set(flow, outcomes[i] === 'answered' ? 'Allow' : 'Deny');
    }),
  );
  return flows.map((flow) => verdicts.get(flow) ?? 'Deny');
}

async function explainedVerdicts(context: Context, flows: readonly DemoFlow[]): Promise<string[]> {
  const questions = flows.map(({ from, to, protocol, port }) => ({ from, to, protocol, port }));
  const { stdout, stderr } = await context.lab.ctl(['policy', 'explain', '--flows', '-', '-o', 'json'], {
    input: JSON.stringify(questions),
  });
  if (stdout === '') throw new StepFailed(`caracalctl policy explain gave no answer: ${stderr}`);
  const answers = JSON.parse(stdout) as Array<{ allowed: boolean }>;
  return answers.map((answer) => (answer.allowed ? 'Allow' : 'Deny'));
}

/** ops/batch becomes a monitor and may ask shop/db for its metrics; then it is one no more. */
async function relabel(context: Context): Promise<void> {
  const { lab, terminal, figures } = context;
  const db = (await lab.pod.list()).find((pod) => pod.name === 'db');
  const flow = { protocol: 'TCP', address: db?.ips[0] ?? '', port: 9100, timeoutMs: 300 } as const;
  for (const [labels, until, words] of [
    [{ role: 'monitor' }, 'answered', 'allowed'],
    [{ role: '' }, 'silent', 'denied'],
  ] as const) {
    const watching = await watchFlow(lab, 'ops/batch', { flow, until, everyMs: 4, withinMs: 5000 });
    const begun = Date.now();
    await lab.pod.label('ops/batch', labels);
    const ms = (await watching.moment) - begun;
    terminal.passed(`label role=${labels.role || '(none)'} on ops/batch: shop/db:9100 is ${words}`, ms);
    figures.push([`label changed → ${words} by another node's kernel`, `${ms} ms`]);
  }
}
