import { startServer } from '../../support/probes.ts';
import { type Context, check, ctl } from '../context.ts';
import { demoPods, ports } from '../pods.ts';

/** Pods start on the nodes through the CNI executable; each node claims its block from Postgres through the hub. */
export async function startPods(context: Context): Promise<void> {
  const { lab, terminal, figures } = context;
  const took: number[] = [];
  for (const pod of demoPods) {
    const begun = performance.now();
    const { ips, node } = await lab.pod.add(pod);
    took.push(performance.now() - begun);
    terminal.passed(`${pod.namespace}/${pod.name} on ${node} has ${ips[0]}`, took.at(-1));
  }
  const sorted = took.toSorted((a, b) => a - b);
  figures.push(['pod started (namespace made, CNI ADD called)', `${Math.round(sorted[3])} ms`]);

  terminal.command('caracalctl ipam show --blocks', await ctl(context, ['ipam', 'show', '--blocks']));
  const pods = await lab.pod.list();
  check(context, new Set(pods.flatMap((pod) => pod.ips)).size === 6, 'six pods, six addresses', 'an address twice');

  const servers = await Promise.all(
    demoPods.map(({ namespace, name }) => startServer(lab, `${namespace}/${name}`, ports)),
  );
  context.cleanups.push(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
}
