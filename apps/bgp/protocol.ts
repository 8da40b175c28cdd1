import type { AttributeView, MemoryRow, PeerRangeStatus, PeerStatus, RouteView } from '@caracal/bgp-speaker';
import { z } from 'zod';

/**
 * What goes over the control socket, a JSON object a line. The agent sends `configure`, which the status answers (or an
 * error); anybody may send `show`; the speaker sends its status when a client connects and whenever it changes. Answers that may be long come in parts.
 */
export const requestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('configure'), config: z.unknown() }),
  /** What would change if the text of a file became the configuration: YAML resources, or as JSON what `configure` takes. */
  z.object({ type: z.literal('plan'), text: z.string() }),
  z.object({
    type: z.literal('show'),
    what: z.enum(['peers', 'routes', 'advertised', 'received', 'attributes', 'memory']),
    peer: z.string().optional(),
    /** With routes: which step of the decision chose or dropped each. */
    why: z.boolean().optional(),
    /** With attributes: of paths to this prefix and to those within it. */
    prefix: z.string().optional(),
  }),
]);

export type Request = z.infer<typeof requestSchema>;

export type Reply =
  | { readonly type: 'status'; readonly peers: readonly PeerStatus[] }
  | {
      readonly type: 'table';
      readonly what: 'peers';
      readonly rows: readonly PeerStatus[];
      /** The peers by prefix, whose sessions are among the rows. */
      readonly ranges: readonly PeerRangeStatus[];
    }
  | { readonly type: 'table'; readonly what: 'routes' | 'advertised' | 'received'; readonly rows: readonly RouteView[] }
  | { readonly type: 'table'; readonly what: 'attributes'; readonly rows: readonly AttributeView[] }
  | { readonly type: 'table'; readonly what: 'memory'; readonly rows: readonly MemoryRow[] }
  /** Ends the rows of a plan. */
  | { readonly type: 'planned' }
  /** More rows of an answer that comes in pieces; the answer itself has none, and ends it. */
  | { readonly type: 'part'; readonly rows: readonly object[] }
  /** The request was wrong; the running configuration goes on. */
  | { readonly type: 'error'; readonly message: string };

export const defaultSocket = '/run/caracal/bgp.sock';
