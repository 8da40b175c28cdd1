import { readFileSync } from 'node:fs';
import { readToken } from '@caracal/kube';
import { createHubTransport, NodeService } from '@caracal/protocol';
import { type Client, createClient } from '@connectrpc/connect';
import type { AgentConfig } from '../config.ts';

/** Who we are, as a transport wants it. */
export function hubIdentity({ ca, cert, key, tokenFile }: AgentConfig['hub']) {
  return {
    ca: readFileSync(ca),
    cert: cert && readFileSync(cert),
    key: key && readFileSync(key),
    token: tokenFile ? () => readToken(tokenFile) : undefined,
  };
}

/** Asks one hub after the other until one answers; throws what the last one said. For what is asked before or after a feed is followed. */
export async function askAnyHub<T>(
  config: Pick<AgentConfig, 'hub'>,
  addresses: readonly string[],
  ask: (client: Client<typeof NodeService>) => Promise<T>,
): Promise<T> {
  const identity = hubIdentity(config.hub);
  let failure = new Error('no hub is known');
  for (const address of addresses) {
    const transport = createHubTransport({ address, ...identity });
    try {
      return await ask(createClient(NodeService, transport));
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      transport.close();
    }
  }
  throw failure;
}
