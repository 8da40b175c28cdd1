import type { Wiring } from './client.ts';

/** Interfaces of pods and routes of blocks as the kernel has them. Throws when it cannot be asked: nothing can be decided then. */
export async function ownInterfaces(wiring: Pick<Wiring, 'listOwnInterfaces'>) {
  const found = await wiring.listOwnInterfaces();
  if (!found.ok) throw new Error(`the interfaces of pods cannot be listed: ${found.message}`);
  return found;
}
