import { tryFlows } from '../../support/probes.ts';
import { type Context, check, ctl, exec, waitFor } from '../context.ts';

/** BIRD has learned the blocks; the client behind it and the pods reach each other over the routes. */
export async function followRoutes(context: Context): Promise<void> {
  const { lab, terminal, figures } = context;
  const begun = performance.now();
  const routes = await waitFor(context, "a block of each node in BIRD's table", async () => {
    const table = await lab.birdc('show route where source = RTS_BGP');
    return lab.topology.nodeList.every((node) => table.includes(`via ${node.address} `)) && table;
  });
  terminal.command(
    'birdc show route',
    routes
      .split('\n')
      .filter((line) => /10\.244\.|via/.test(line))
      .join('\n'),
    9,
  );
  terminal.passed('BIRD has learned a block from each node', performance.now() - begun);

  const peers = await waitFor(context, 'three Established sessions in caracalctl bgp peers', async () => {
    const table = await ctl(context, ['bgp', 'peers']);
    return (table.match(/Established/g)?.length ?? 0) === lab.topology.nodeList.length && table;
  });
  terminal.command('caracalctl bgp peers', peers);

  const kernel = await waitFor(context, "the other nodes' blocks among n1's kernel routes", async () => {
    const table = await exec(context, 'n1', 'ip', 'route', 'show', 'proto', '201');
    return (table.match(/10\.244\./g)?.length ?? 0) >= 2 && table;
  });
  terminal.command('ip route show proto caracal    # on n1', kernel);
  terminal.passed("each node's kernel has the others' blocks as BGP routes");

  const pods = await lab.pod.list();
  const addressOf = (name: string) => pods.find((pod) => pod.name === name)?.ips[0] ?? '';
  const toWeb = [{ protocol: 'TCP', address: addressOf('web'), port: 8080, timeoutMs: 1000 }] as const;
  const toApi = [{ protocol: 'TCP', address: addressOf('api'), port: 8080, timeoutMs: 1000 }] as const;
  const [fromClient] = await tryFlows(lab, 'client', toWeb);
  check(context, fromClient === 'answered', 'the client behind the router reaches shop/web', `it was ${fromClient}`);
  const [acrossNodes] = await tryFlows(lab, 'shop/web', toApi);
  check(context, acrossNodes === 'answered', 'shop/web on n1 reaches shop/api on n2', `it was ${acrossNodes}`);
  figures.push(['flows across nodes and from the client', 'answered']);
}
