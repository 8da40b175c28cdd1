/** Node identity by the API server: a service-account token that is bound to a pod of ours says on which node that pod runs. */
import { type KubeApi, KubeError } from '@caracal/kube';
import { z } from 'zod';
import { nodeName } from '../server/caller.ts';
import type { Identified, NodeIdentity } from './node-identity.ts';

export interface TokenReviewOptions {
  readonly api: KubeApi;
  /** The audience that tokens for hubs are issued for; a token for the API server itself is not taken. */
  readonly audience: string;
  /** `system:serviceaccount:NAMESPACE:NAME` of the node agents. */
  readonly username: string;
}

const path = '/apis/authentication.k8s.io/v1/tokenreviews';
/** Kubernetes 1.30 and newer puts it into every token that is bound to a pod. */
const nodeNameExtra = 'authentication.kubernetes.io/node-name';

const reviewSchema = z.object({
  status: z
    .object({
      authenticated: z.boolean().default(false),
      user: z
        .object({ username: z.string().default(''), extra: z.record(z.string(), z.array(z.string())).default({}) })
        .default({ username: '', extra: {} }),
      audiences: z.array(z.string()).default([]),
      error: z.string().optional(),
    })
    .prefault({}),
});

/** Asks the API server for each token; see `cachedIdentity`. */
export function tokenReviewIdentity(options: TokenReviewOptions): NodeIdentity {
  const { api, audience, username } = options;
  return {
    async identify(token) {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: [audience] },
      };
      let answer: unknown;
      try {
        answer = await api.request({ method: 'POST', path, body });
      } catch (error) {
        const why = error instanceof KubeError ? `answered ${error.code}: ${error.message}` : messageOf(error);
        return { ok: false, reason: 'unavailable', message: `the API server cannot review tokens: ${why}` };
      }
      const review = reviewSchema.safeParse(answer);
      if (!review.success) {
        return { ok: false, reason: 'unavailable', message: 'the API server answered with what is no TokenReview' };
      }
      return judge(review.data.status, audience, username);
    },
  };
}

function judge(
  { authenticated, user, audiences, error }: z.infer<typeof reviewSchema>['status'],
  audience: string,
  username: string,
): Identified {
  const refuse = (message: string): Identified => ({ ok: false, reason: 'refused', message });
  if (!authenticated) {
    const why = error ? ` (${error})` : '';
    return refuse(
      `the API server does not know the token${why}: it must be of this cluster, not expired, and for the audience ${audience}`,
    );
  }
  // An API server that knows no audiences would authenticate a token that was made for somebody else.
  if (!audiences.includes(audience)) {
    return refuse(`the token is for the audience ${audiences.join(', ') || 'of the API server'}, not for ${audience}`);
  }
  if (user.username !== username) return refuse(`the token is that of ${user.username}, not of ${username}`);
  const nodes = user.extra[nodeNameExtra] ?? [];
  if (nodes.length !== 1 || !nodeName.test(nodes[0]!)) {
    return refuse(
      'the token names no node: it must be bound to a pod that runs on one (a projected token, Kubernetes 1.30 or newer)',
    );
  }
  return { ok: true, node: nodes[0]! };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
