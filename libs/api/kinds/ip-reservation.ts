import * as z from 'zod';
import { network } from '../fields/text.ts';

/** Addresses that are never given out automatically. */
export const ipReservationSpec = z.strictObject({
  reservedCIDRs: z
    .array(network('A CIDR or a single address.'))
    .default([])
    .meta({ description: 'Addresses that no pod gets unless it asks for them by address.' }),
});

export type IPReservationSpec = z.output<typeof ipReservationSpec>;
