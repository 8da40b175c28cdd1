import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KubeObject, keyOf, type ReflectorObserver } from '@caracal/kube';
import { formatHostPort } from '@caracal/net';
import type { Logger } from 'pino';
import { z } from 'zod';

const fileName = 'hubs.json';

/** What is read of an EndpointSlice (discovery.k8s.io/v1). */
const sliceSchema = z.object({
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).min(1),
        conditions: z.object({ ready: z.boolean().nullish() }).nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.object({ port: z.number().nullish() })).nullish(),
});

/** Addresses and ports of the endpoints that are ready (one that says nothing is), as `host:port`, sorted. */
export function addressesOf(slices: Iterable<KubeObject>): string[] {
  const found = new Set<string>();
  for (const slice of slices) {
    const parsed = sliceSchema.safeParse(slice);
    const port = parsed.data?.ports?.[0]?.port;
    for (const { addresses, conditions } of parsed.data?.endpoints ?? []) {
      const [address] = addresses;
      if (port && conditions?.ready !== false) found.add(formatHostPort(address!, port));
    }
  }
  return [...found].sort();
}

/**
 * Where the hubs are, by the EndpointSlices of their Service, and from a file until the API server has answered: after a power cut a node finds
 * its hub with no API server. That no hub is ready is no news: those that were known may come back sooner than the API
 * server says so.
 */
export function followHubAddresses(
  stateDirectory: string,
  logger: Logger,
): { readonly observer: ReflectorObserver; addresses(): readonly string[] } {
  const slices = new Map<string, KubeObject>();
  const file = join(stateDirectory, fileName);
  let addresses = rememberedHubs(stateDirectory);
  let writing = Promise.resolve();

  function derive(): void {
    const now = addressesOf(slices.values());
    if (now.length === 0 || now.join() === addresses.join()) return;
    addresses = now;
    logger.info({ hubs: now }, 'hubs are known');
    writing = writing
      .then(() => writeFile(`${file}.new`, JSON.stringify(now), { mode: 0o600 }))
      .then(() => rename(`${file}.new`, file))
      .catch((error) => logger.error({ file, reason: String(error) }, 'the addresses of the hubs are not on disk'));
  }

  return {
    addresses: () => addresses,
    observer: {
      listed(all) {
        slices.clear();
        for (const slice of all) slices.set(keyOf(slice), slice);
        derive();
      },
      changed(slice) {
        slices.set(keyOf(slice), slice);
        derive();
      },
      deleted(slice) {
        slices.delete(keyOf(slice));
        derive();
      },
      lost: (error) =>
        logger.warn({ reason: error.message }, 'the addresses of the hubs are not followed: trying again'),
    },
  };
}

/** The hubs that were known last, by the file in the state directory. */
export function rememberedHubs(stateDirectory: string): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(readFileSync(join(stateDirectory, fileName), 'utf8')));
  } catch {
    return []; // the first start, or a file that a crash cut short
  }
}
