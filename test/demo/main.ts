/** `npm run demo`: the main job of Caracal on one machine, in six steps that each must hold. */
import { parseArgs } from 'node:util';
import { downLab, type Lab, upLab } from '../lab/index.ts';
import { type Context, StepFailed } from './context.ts';
import { applyResources } from './steps/1-resources.ts';
import { startPods } from './steps/2-pods.ts';
import { followRoutes } from './steps/3-routes.ts';
import { decide } from './steps/4-policy.ts';
import { breakThings } from './steps/5-failures.ts';
import { removePods } from './steps/6-cleanup.ts';
import { terminal } from './terminal.ts';
import { worthTrying } from './worth-trying.ts';

const name = 'demo';

const steps: ReadonlyArray<readonly [title: string, run: (context: Context) => Promise<void>]> = [
  ['Resources go in as YAML', applyResources],
  ['Six pods start on three nodes', startPods],
  ['The router learns where they live', followRoutes],
  ['Policy decides', decide],
  ['Things break, packets flow', breakThings],
  ['Pods go, addresses come back', removePods],
];

const { values } = parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help) {
  console.log(
    'npm run demo [-- --keep]\n\n  --keep   leave the network up at the end, and print commands worth trying',
  );
  process.exit(0);
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}
// A reader that goes away (`| head`) is an interruption as well: everything is taken down all the same.
process.stdout.on('error', () => interrupted.abort(new Error('nobody reads the output any more')));

async function run(): Promise<void> {
  const begun = performance.now();
  const figures: Context['figures'] = [];
  const cleanups: Context['cleanups'] = [];
  let lab: Lab | undefined;
  try {
    terminal.heading(0, 'A lab: Postgres, a hub, three nodes, a BIRD router, a client');
    lab = await upLab({ name, bare: true, onProgress: terminal.note, signal: interrupted.signal });
    figures.push(['lab up', `${((performance.now() - begun) / 1000).toFixed(1)} s`]);
    const context: Context = { lab, terminal, figures, signal: interrupted.signal, cleanups };
    // With --keep the pods stay, for the commands that are worth trying.
    for (const [i, [title, step]] of (values.keep ? steps.slice(0, -1) : steps).entries()) {
      interrupted.signal.throwIfAborted();
      terminal.heading(i + 1, title);
      await step(context);
    }
    figures.push(['everything', `${((performance.now() - begun) / 1000).toFixed(1)} s`]);
    console.log();
    terminal.table(['What was measured', 'Figure'], figures);
    if (values.keep) worthTrying(lab);
  } finally {
    if (!values.keep || !lab || interrupted.signal.aborted) {
      terminal.note('taking everything down');
      await Promise.allSettled(cleanups.map((cleanup) => cleanup()));
      await downLab(name);
    }
  }
}

try {
  await run();
  process.exit(0);
} catch (error) {
  terminal.failed(error instanceof Error ? error.message : String(error));
  if (!(error instanceof StepFailed) && error instanceof Error && !interrupted.signal.aborted)
    console.error(error.stack);
  process.exit(1);
}
