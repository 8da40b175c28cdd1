import * as z from 'zod';
import { network } from '../fields/text.ts';

/** Addresses that selectors of rules find by the labels of the set; NetworkSet (of a namespace) and GlobalNetworkSet. */
export const networkSetSpec = z.strictObject({
  nets: z.array(network('A CIDR or a single address.')).default([]).meta({ description: 'The addresses of the set.' }),
});

export type NetworkSetSpec = z.output<typeof networkSetSpec>;
