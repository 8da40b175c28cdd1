// `npm run cluster -- up | status | down`: a real Kubernetes on one machine, all of it inside network namespaces.
import { parseArgs } from 'node:util';
import { binaryPath } from './build.ts';
import { down, isUp, up } from './cluster.ts';
import { kubeconfig, kubectl } from './commands.ts';
import { insideNode } from './node.ts';
import { client, hasRouter, tor } from './router.ts';
import { stateFolder } from './topology.ts';

async function status(json: boolean): Promise<void> {
  const running = await isUp();
  const nodes: { name: string; ready: boolean; enter: string }[] = [];
  if (running) {
    const list: NodeList = JSON.parse(await kubectl(['--request-timeout=10s', 'get', 'nodes', '-o', 'json']));
    for (const { metadata, status } of list.items) {
      const ready = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
      const enter = `nsenter ${(await insideNode(stateFolder, metadata.name)).join(' ')}`;
      nodes.push({ name: metadata.name, ready, enter });
    }
  }
  const router = (await hasRouter()) ? { tor, client } : { tor: null, client: null };
  const report = { running, kubeconfig, kubectl: binaryPath('kubectl'), state: stateFolder, nodes, ...router };
  if (json) console.log(JSON.stringify(report, null, 2));
  else if (!running) console.log('No cluster is running: start one with `npm run cluster -- up`.');
  else {
    console.log(`export KUBECONFIG=${kubeconfig}`);
    for (const { name, ready, enter } of nodes) console.log(`${name}  ${ready ? 'Ready' : 'NotReady'}  ${enter}`);
    if (router.tor) {
      console.log(`tor  AS ${tor.asNumber}  birdc -s ${tor.birdcSocket}`);
      console.log(`client  ${client.address}  nsenter --net=${client.netns} --`);
    }
  }
}

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

const usage = `Usage: npm run cluster -- up [--nodes COUNT] [--tor bird] [--bare] | status [--json] | down
A real Kubernetes on one machine, all of it inside network namespaces.
  up      build what is missing, start the control plane and the nodes (2), install Caracal from the chart,
          a pod on each node; --bare: no Caracal, its image alone on the nodes;
          --tor bird: a BIRD router that the nodes peer with, and a client behind it
  status  the kubeconfig, the nodes, the router, and how to enter each
  down    end everything and remove its state`;

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '2' },
      bare: { type: 'boolean', default: false },
      tor: { type: 'string', default: 'none' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return console.log(usage);
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9)
    throw new Error(`--nodes ${values.nodes}: 1 to 9 are possible`);
  const kind = values.tor;
  if (kind !== 'bird' && kind !== 'none') throw new Error(`--tor ${kind}: bird and none are possible`);
  if (positionals.length === 1 && positionals[0] === 'up') {
    const started = Date.now();
    const log = (line: string) => console.error(line);
    await up({ nodes, bare: values.bare, tor: kind }, log);
    return log(`Up after ${Math.round((Date.now() - started) / 1000)} s. export KUBECONFIG=${kubeconfig}`);
  }
  if (positionals.length === 1 && positionals[0] === 'status') return status(values.json);
  if (positionals.length === 1 && positionals[0] === 'down') return down();
  throw new Error(`'${positionals.join(' ')}' is none of its commands\n${usage}`);
}

await run().catch((error: Error) => {
  console.error(`cluster: ${error.message}`);
  process.exitCode = 1;
});
