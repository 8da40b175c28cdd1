/** SQLSTATE classes and codes that say "not now": connection, resources, operator intervention, lock timeout, serialization. */
const notNow = /^(08|53|57|40|55P03|25006)/;
const systemErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What pg says without a code. */
const messages =
  /connection terminated|timeout exceeded|query read timeout|connection is closed|client has encountered|not queryable|was closed and is not/i;

/**
 * Why the database cannot be asked now, when this error of a query means that; undefined when it answered, and it is the question
 * that was wrong. What was asked may have been done all the same: the answer was lost, not the commit.
 */
export function unavailableReason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError) {
    return error.errors.map(unavailableReason).find((reason) => reason);
  }
  const code = 'code' in error ? String(error.code) : '';
  if (systemErrors.has(code) || notNow.test(code) || messages.test(error.message)) {
    return error.message || code;
  }
  return undefined;
}
