import type { ServerHttp2Session } from 'node:http2';

/**
 * Pings a connection as long as it lives, and destroys it when an answer is overdue: neither Node nor Connect does it for a
 * server, and a peer that was cut off (no FIN ever comes) would keep its streams for ever.
 */
export function keepAlive(session: ServerHttp2Session, intervalMs: number, timeoutMs: number): void {
  let overdue: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (overdue || session.destroyed || session.closed) return;
    overdue = setTimeout(() => session.destroy(), timeoutMs);
    try {
      session.ping(() => {
        clearTimeout(overdue);
        overdue = undefined;
      });
    } catch {
      clearTimeout(overdue); // closed in this very moment
      overdue = undefined;
    }
  }, intervalMs);
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(overdue);
  });
}
