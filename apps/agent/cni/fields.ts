import { parseAddress } from '@caracal/net';
import { z } from 'zod';

/** Values that are of one form wherever a runtime writes them: in the network configuration, in CNI_ARGS, in variables. */

/** Container ids and network names: a letter or digit, then those, underscores, dots and hyphens. */
export const cniNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** `IP` or `IP/LENGTH`; the address alone is what counts. */
export const requestedAddress = z.string().transform((text, context) => {
  const [address, length] = text.split('/');
  const valid =
    length === undefined ? parseAddress(text) : parseAddress(address) && parsePrefixLoosely(address, length);
  if (!valid) {
    context.addIssue(`${JSON.stringify(text)} is no address such as 10.65.0.7 or 10.65.0.7/26`);
    return z.NEVER;
  }
  return address;
});

function parsePrefixLoosely(address: string, length: string): boolean {
  const longest = address.includes(':') ? 128 : 32;
  return /^\d{1,3}$/.test(length) && Number(length) <= longest;
}

/** Of a single interface: unicast, not zero. */
export const mac = z
  .string()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, 'must be a unicast MAC address such as c2:11:22:33:44:55')
  .refine((text) => text !== '00:00:00:00:00:00', 'must not be zero')
  .transform((text) => text.toLowerCase());
