import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeDataplane } from '@caracal/dataplane';
import { kubeApi, serviceAccount } from '@caracal/kube';
import { formatPrefix } from '@caracal/net';
import { openRouteSocket, routeProtocols } from '@caracal/netlink';
import type { Logger } from 'pino';
import type { AgentConfig, KubernetesConfig } from './config.ts';
import { removeConflist } from './kubernetes/conflist.ts';
import { undeclare } from './kubernetes/node-condition.ts';
import { lockState } from './ops/state-lock.ts';
import { giveBack } from './pods/give-back.ts';
import { createWiring, ownInterfaces } from './wiring/index.ts';

/**
 * Makes the node as if Caracal had never been there, for when it leaves for good: no configuration for the runtime (first, so that no pod
 * starts any more), no interfaces, blocks, routes, rules, sets and files. Pods that still run lose their network. Throws while an agent runs.
 */
export async function cleanNode(config: AgentConfig, logger: Logger): Promise<void> {
  mkdirSync(config.stateDirectory, { recursive: true, mode: 0o700 });
  const lock = await lockState(config.stateDirectory);
  if (config.kubernetes) {
    await withdraw(config.kubernetes, config.nodeName).catch((error: Error) =>
      logger.warn({ reason: error.message }, 'the Node still says that its network is there'),
    );
    removeConflist(config.kubernetes);
    for (const file of ['caracal', 'caracal-ipam', 'caracal.path'])
      rmSync(join(config.kubernetes.pluginFolder, file), { force: true });
  }
  const wiring = createWiring();
  try {
    const { interfaces } = await ownInterfaces(wiring);
    for (const { name } of interfaces) {
      const removed = await wiring.unwire(name);
      if (!removed.ok) throw new Error(`interface ${name} could not be removed: ${removed.message}`);
    }
    const blocks = await wiring.setBlocks([]);
    if (!blocks.ok) throw new Error(`the routes of blocks could not be removed: ${blocks.message}`);
    removeLearnedRoutes();
    logger.info({ interfaces: interfaces.length }, 'interfaces and routes removed');
  } finally {
    await wiring.close();
  }
  await giveBack(config).then(
    (blocks) => logger.info({ blocks }, 'blocks given back'),
    (error: Error) => logger.warn({ reason: error.message }, "the blocks stay this node's: no hub took them back"),
  );
  await removeDataplane();
  logger.info('rules and sets removed');
  // The folders themselves may be mounts.
  for (const folder of [config.stateDirectory, config.runDirectory]) {
    for (const entry of entriesOf(folder)) rmSync(join(folder, entry), { recursive: true, force: true });
  }
  lock.release();
  logger.info('nothing of Caracal is left on this node');
}

/** The speaker leaves its routes to the one that follows it; here none does. */
function removeLearnedRoutes(): void {
  const socket = openRouteSocket();
  try {
    for (const family of [4, 6] as const) {
      const listed = socket.listRoutes({ family, protocol: routeProtocols.bgp });
      if (!listed.ok) throw new Error(`the routes of BGP cannot be listed: ${listed.error.message}`);
      for (const route of listed.value) {
        const removed = socket.deleteRoute(route);
        if (!removed.ok)
          throw new Error(`${formatPrefix(route.prefix)} could not be removed: ${removed.error.message}`);
      }
    }
  } finally {
    socket.close();
  }
}

/** What we said of the Node's network is unsaid. */
async function withdraw(kubernetes: KubernetesConfig, nodeName: string): Promise<void> {
  const api = kubeApi(serviceAccount(kubernetes), 'caracal-agent');
  await undeclare(api, nodeName);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // never made
  }
}
