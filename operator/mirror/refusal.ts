import type { Refusal } from '@caracal/datastore';

/** Why Postgres does not take it, in a sentence. */
export function refusalText({ reason, blocks = [] }: Refusal): string {
  const shown = blocks.slice(0, 5).map(({ cidr, node }) => `${cidr} of ${node}`);
  const list = [...shown, ...(blocks.length > 5 ? [`${blocks.length - 5} more`] : [])].join(', ');
  switch (reason) {
    case 'BlocksInUse':
      return `nodes hold blocks of it: ${list}`;
    case 'BlocksOutside':
      return `spec.cidr: nodes hold blocks outside of it: ${list}`;
    case 'BlockSizeInUse':
      return `spec.blockSize: nodes hold blocks of another size: ${list}`;
    case 'NotFound':
      return 'is not stored';
  }
}
