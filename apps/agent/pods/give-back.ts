import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJournal } from '@caracal/ipam';
import { readToken } from '@caracal/kube';
import { createHubTransport, NodeService } from '@caracal/protocol';
import { createClient } from '@connectrpc/connect';
import type { AgentConfig } from '../config.ts';
import { rememberedHubs } from '../kubernetes/hub-addresses.ts';

const timeoutMs = 5_000;

/**
 * Tells a hub that this node has no pods and needs no blocks any more; call it when no interface of ours is left. Gives the blocks that were
 * given back. Throws when no hub takes it: they stay this node's then, and no other gets them.
 */
export async function giveBack(config: AgentConfig): Promise<readonly string[]> {
  const journal = await openJournal(join(config.stateDirectory, 'ipam.journal'));
  const blocks = new Set<string>();
  let incarnation = '';
  for (const record of journal.records) {
    if (record.type === 'node') incarnation = record.incarnation;
    if (record.type === 'block') blocks.add(record.cidr);
    if (record.type === 'unblock') blocks.delete(record.cidr);
  }
  await journal.close();
  if (incarnation === '') return [];

  const { ca, cert, key, tokenFile } = config.hub;
  const identity = {
    ca: readFileSync(ca),
    cert: cert && readFileSync(cert),
    key: key && readFileSync(key),
    token: tokenFile ? () => readToken(tokenFile) : undefined,
  };
  let failure = new Error('no hub is known');
  for (const address of config.hub.addresses ?? rememberedHubs(config.stateDirectory)) {
    const transport = createHubTransport({ address, ...identity });
    const client = createClient(NodeService, transport);
    try {
      await client.report({ full: true }, { timeoutMs });
      for (const cidr of blocks) await client.releaseBlock({ cidr, incarnation }, { timeoutMs });
      return [...blocks];
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      transport.close();
    }
  }
  throw failure;
}
