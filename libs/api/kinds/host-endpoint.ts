import * as z from 'zod';
import { integer, protocol } from '../fields/number.ts';
import { address, objectNameField } from '../fields/text.ts';

/** An interface of a node. Stored, but its policies are not enforced yet: applying one gives a warning that says so. */
export const hostEndpointSpec = z
  .strictObject({
    node: objectNameField('The node that has the interface.'),
    interfaceName: z
      .string()
      .min(1)
      .max(15)
      .optional()
      .meta({ description: 'The interface, or * for all of the node. Needed when expectedIPs is empty.' }),
    expectedIPs: z.array(address('')).default([]).meta({ description: 'Addresses by which the interface is found.' }),
    ports: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(128).meta({ description: 'The name that rules use.' }),
          protocol: protocol('The protocol of the port.'),
          port: integer(1, 65535, 'The number of the port.'),
        }),
      )
      .default([])
      .meta({ description: 'Names for ports, to be used in rules.' }),
  })
  .superRefine((spec, context) => {
    if (spec.interfaceName !== undefined || spec.expectedIPs.length > 0) return;
    context.addIssue({
      code: 'custom',
      path: ['interfaceName'],
      message: 'is missing: name the interface, or its addresses in spec.expectedIPs',
    });
  });

export type HostEndpointSpec = z.output<typeof hostEndpointSpec>;
