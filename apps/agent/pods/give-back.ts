import { join } from 'node:path';
import { openJournal } from '@caracal/ipam';
import type { AgentConfig } from '../config.ts';
import { askAnyHub } from '../feed/ask-hub.ts';
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

  const addresses = config.hub.addresses ?? rememberedHubs(config.stateDirectory);
  return askAnyHub(config, addresses, async (client) => {
    await client.report({ full: true }, { timeoutMs });
    for (const cidr of blocks) await client.releaseBlock({ cidr, incarnation }, { timeoutMs });
    // No incarnation lives here any more: the next one of this name need not wait until this one counts as dead.
    await client.report({ status: {} }, { timeoutMs });
    return [...blocks];
  });
}
