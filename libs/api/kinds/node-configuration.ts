import { parseAddress } from '@caracal/net';
import * as z from 'zod';
import { asNumber, integer } from '../fields/number.ts';
import { address, canonicalCidr } from '../fields/text.ts';

/** The address of a node; a length, as on Calico's Node, is accepted and left out. */
function nodeAddress(family: 4 | 6) {
  const example = family === 4 ? '192.0.2.10' : '2001:db8::10';
  return z
    .string()
    .superRefine((text, context) => {
      if (parseAddress(withoutLength(text))?.family === family && canonicalCidr(text) !== undefined) return;
      context.addIssue({
        code: 'custom',
        message: `${JSON.stringify(text)} is no IPv${family} address, such as ${example}`,
      });
    })
    .overwrite(withoutLength)
    .meta({
      description: `The IPv${family} address from which the node speaks BGP, in place of the one that it finds.`,
    });
}

/** Settings of one node (the object has its name), or of all nodes (named `default`). What Calico keeps on its Node. */
export const nodeConfigurationSpec = z.strictObject({
  bgp: z
    .strictObject({
      asNumber: asNumber('The AS number of the node, in place of that of the BGPConfiguration.').optional(),
      ipv4Address: nodeAddress(4).optional(),
      ipv6Address: nodeAddress(6).optional(),
      routeReflectorClusterID: address(
        'Makes the node a route reflector of this cluster (RFC 4456): internal peers that are not reflectors of it are clients.',
        4,
      ).optional(),
    })
    .prefault({})
    .meta({ description: 'How the node speaks BGP.' }),
  ipam: z
    .strictObject({
      maxBlocks: integer(
        0,
        65536,
        'As many blocks of all pools together the node may have. Without it there is no limit.',
      ).optional(),
    })
    .optional()
    .meta({ description: 'How the node gives out addresses.' }),
});

export type NodeConfigurationSpec = z.output<typeof nodeConfigurationSpec>;

function withoutLength(text: string): string {
  return text.split('/')[0];
}
