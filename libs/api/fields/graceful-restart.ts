import * as z from 'zod';
import { integer } from './number.ts';

/** Graceful restart (RFC 4724), of a peer or of all. */
export function gracefulRestart(description: string) {
  return z
    .strictObject({
      mode: z.enum(['Restart', 'Helper', 'Off']).default('Restart').meta({
        description:
          "Restart: the peer is asked to keep forwarding while the node's speaker restarts, and its routes are kept while it does. Helper: only the latter. Off: neither.",
      }),
      restartTimeSeconds: integer(
        1,
        4095,
        "How long the peer is asked to wait for the node's speaker to come back.",
      ).default(120),
      notification: z
        .boolean()
        .default(false)
        .meta({ description: 'Whether routes are kept over a NOTIFICATION too, if the peer agrees (RFC 8538).' }),
    })
    .meta({ description });
}
