import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Identified, NodeIdentity } from './node-identity.ts';

export interface CacheOptions {
  /** How long an answer counts, at most; one that is yes never beyond the token's own expiry. */
  readonly keepMs: number;
  readonly clock: Clock;
}

/** So long a refusal counts: a client that tries again and again costs the API server little. */
const keepRefusalMs = 5_000;
/** Far more than a hub has nodes; the oldest answers go first. */
const mostAnswers = 10_000;

/**
 * Remembers answers for a short while, by the token's hash: no token stays in memory. Who asks for a token that is being looked at
 * waits for that answer. That the API server is away is not remembered.
 */
export function cachedIdentity(identity: NodeIdentity, { keepMs, clock }: CacheOptions): NodeIdentity {
  const { now, elapsed } = clock;
  const answers = new Map<string, { readonly answer: Promise<Identified>; until: number }>();

  return {
    identify(token) {
      const key = createHash('sha256').update(token).digest('base64');
      const known = answers.get(key);
      if (known && elapsed() < known.until) return known.answer;
      const expiry = expiryOf(token);
      if (expiry !== undefined && expiry <= now()) {
        const since = Math.round((now() - expiry) / 1000);
        return Promise.resolve({ ok: false, reason: 'refused', message: `the token expired ${since} s ago` });
      }
      // While the answer is awaited it is shared, however long it takes.
      const entry = { answer: identity.identify(token), until: Number.POSITIVE_INFINITY };
      answers.delete(key);
      answers.set(key, entry);
      const forget = () => void (answers.get(key) === entry && answers.delete(key));
      entry.answer.then((answer) => {
        if (!answer.ok && answer.reason === 'unavailable') return forget();
        const keep = answer.ok ? keepMs : Math.min(keepMs, keepRefusalMs);
        const leftMs = answer.ok ? (expiry ?? now()) - now() : Number.POSITIVE_INFINITY;
        entry.until = elapsed() + Math.min(keep, leftMs);
      }, forget);
      for (const oldest of answers.keys()) {
        if (answers.size <= mostAnswers) break;
        answers.delete(oldest);
      }
      return entry.answer;
    },
  };
}

/** The `exp` claim of a JWT in Unix milliseconds. Nothing is believed for it: it can only make an answer count for less long. */
function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
