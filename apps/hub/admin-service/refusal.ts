import { objectName, type Problem } from '@caracal/api';
import type { Refusal } from '@caracal/datastore';

const named = 5;

/** What the database refused, in words. */
export function refusalProblem({ kind, namespace, name, reason, ...refusal }: Refusal): Problem {
  // SQL says null where there are none.
  const [blocks, addresses] = [refusal.blocks ?? [], refusal.addresses ?? []];
  const object = objectName(kind, { name, namespace });
  const some = blocks.slice(0, named).map(({ cidr, node }) => `${cidr} (node ${node})`);
  const more = blocks.length > named ? ` and ${blocks.length - named} more` : '';
  const list = `${some.join(', ')}${more}`;
  const count = blocks.length === 1 ? '1 block' : `${blocks.length} blocks`;
  const few = addresses.slice(0, named).map(({ address, service }) => `${address} (Service ${service})`);
  const services = `${few.join(', ')}${addresses.length > named ? ` and ${addresses.length - named} more` : ''}`;
  switch (reason) {
    case 'NotFound':
      return { object, field: '', message: 'does not exist' };
    case 'BlocksInUse':
      return {
        object,
        field: '',
        message: `has ${count} in use: ${list}; set spec.disabled and delete it when its nodes have released them`,
      };
    case 'BlocksOutside':
      return { object, field: 'spec.cidr', message: `leaves out ${count} in use: ${list}` };
    case 'BlockSizeInUse':
      return {
        object,
        field: 'spec.blockSize',
        message: `cannot change while blocks of another size are in use: ${list}`,
      };
    case 'AddressesInUse':
      return { object, field: '', message: `Services have addresses of it: ${services}` };
    case 'AddressesOutside':
      return { object, field: 'spec.cidr', message: `leaves out addresses that Services have: ${services}` };
    case 'UseInUse':
      return {
        object,
        field: 'spec.allowedUses',
        message: `cannot change to or from LoadBalancer while the pool is in use: ${blocks.length > 0 ? list : services}`,
      };
  }
}
