import type { Refusal } from '@caracal/datastore';

/** Why Postgres does not take it, in a sentence. */
export function refusalText({ reason, ...refusal }: Refusal): string {
  // SQL says null where there are none.
  const [blocks, addresses] = [refusal.blocks ?? [], refusal.addresses ?? []];
  const shown = blocks.slice(0, 5).map(({ cidr, node }) => `${cidr} of ${node}`);
  const list = [...shown, ...(blocks.length > 5 ? [`${blocks.length - 5} more`] : [])].join(', ');
  const few = addresses.slice(0, 5).map(({ address, service }) => `${address} of ${service}`);
  const services = [...few, ...(addresses.length > 5 ? [`${addresses.length - 5} more`] : [])].join(', ');
  switch (reason) {
    case 'BlocksInUse':
      return `nodes hold blocks of it: ${list}`;
    case 'BlocksOutside':
      return `spec.cidr: nodes hold blocks outside of it: ${list}`;
    case 'BlockSizeInUse':
      return `spec.blockSize: nodes hold blocks of another size: ${list}`;
    case 'AddressesInUse':
      return `Services have addresses of it: ${services}`;
    case 'AddressesOutside':
      return `spec.cidr: Services have addresses outside of it: ${services}`;
    case 'UseInUse':
      return blocks.length > 0
        ? `spec.allowedUses: LoadBalancer has to wait until nodes hold no blocks of it: ${list}`
        : `spec.allowedUses: LoadBalancer stays while Services have addresses of it: ${services}`;
    case 'NotFound':
      return 'is not stored';
  }
}
