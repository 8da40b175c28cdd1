import * as z from 'zod';

/**
 * A boolean field of Calico's that may only be false so far: true is refused with the reason, because ignoring it would change which traffic flows.
 */
export function onlyFalse(description: string, reason: string) {
  return z
    .boolean()
    .default(false)
    .refine((value) => !value, { error: `true is not supported yet: ${reason}` })
    .meta({ description });
}
