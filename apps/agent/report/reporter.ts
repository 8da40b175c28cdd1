import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type NodeService,
  type NodeStatusSchema,
  type ReportedEndpointSchema,
  ReportRequestSchema,
} from '@caracal/protocol';
import type { Client } from '@connectrpc/connect';
import type { Logger } from 'pino';

const gatherMs = 20;
const statusEveryMs = 10_000;
/**
 * Somewhere around it everything is said again: what the hub did not believe may be true by now, since another node has let go of it.
 * At 5,000 nodes ten a second.
 */
const everythingEveryMs = 600_000;
const shortestPauseMs = 100;
const longestPauseMs = 5_000;

export type EndpointReport = MessageInitShape<typeof ReportedEndpointSchema>;
export type StatusReport = MessageInitShape<typeof NodeStatusSchema>;

export interface ReporterOptions {
  readonly logger: Logger;
  client(): Client<typeof NodeService>;
  /** All endpoints of the node, by `containerId/ifname`: what a full report says. */
  endpoints(): Iterable<EndpointReport>;
  status(): StatusReport;
  /** Takes back addresses that an administrator wants, unless something uses them; answers with those that stay, and why. */
  onAskedBack(addresses: readonly string[]): Promise<readonly { readonly address: string; readonly reason: string }[]>;
}

/**
 * Tells the hub behind the fact what the node holds. The journal is the truth; a report that fails is made whole by the
 * next full one, so nothing is queued without bound and nothing is lost.
 */
export interface Reporter {
  /** The hub has (again) become reachable: say everything. */
  full(): void;
  added(key: string, report: EndpointReport): void;
  removed(key: string, containerId: string, interfaceName: string): void;
  /** Something in the status has changed. */
  statusChanged(): void;
  stop(): void;
}

export function startReporter(options: ReporterOptions): Reporter {
  const added = new Map<string, EndpointReport>();
  const removed = new Map<string, { containerId: string; interface: string }>();
  let refusals: readonly { readonly address: string; readonly reason: string }[] = [];
  let everything = false;
  let statusDue = false;
  let enabled = false;
  let sending = false;
  let pauseMs = shortestPauseMs;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function wake(afterMs: number): void {
    if (!enabled || sending || stopped || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      void send();
    }, afterMs);
  }

  function take() {
    const request = create(ReportRequestSchema, {
      full: everything,
      endpoints: everything ? [...options.endpoints()] : [...added.values()],
      removed: everything ? [] : [...removed.values()],
      status: options.status(),
      releaseRefusals: [...refusals],
    });
    added.clear();
    removed.clear();
    everything = false;
    statusDue = false;
    return request;
  }

  async function send(): Promise<void> {
    if (stopped || !(everything || statusDue || added.size > 0 || removed.size > 0)) return;
    sending = true;
    try {
      const { release } = await options.client().report(take(), { timeoutMs: longestPauseMs });
      pauseMs = shortestPauseMs;
      refusals = release.length > 0 ? await options.onAskedBack(release) : [];
      if (refusals.length > 0) statusDue = true;
    } catch (error) {
      // What was in the request may have arrived or not: the next report says everything.
      everything = true;
      options.logger.debug({ reason: String(error) }, 'a report did not reach the hub: it will be repeated');
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
    sending = false;
    if (everything || statusDue || added.size > 0 || removed.size > 0) wake(everything ? pauseMs : gatherMs);
  }

  let statusReports = 0;
  const heartbeat = setInterval(() => {
    statusDue = true;
    // Nodes that began together do not stay so.
    if (++statusReports * statusEveryMs >= everythingEveryMs * (0.75 + Math.random() / 2)) {
      statusReports = 0;
      everything = true;
    }
    wake(0);
  }, statusEveryMs);

  return {
    full() {
      enabled = true;
      everything = true;
      wake(0);
    },
    added(key, report) {
      removed.delete(key);
      added.set(key, report);
      wake(gatherMs);
    },
    removed(key, containerId, interfaceName) {
      added.delete(key);
      removed.set(key, { containerId, interface: interfaceName });
      wake(gatherMs);
    },
    statusChanged() {
      statusDue = true;
      wake(gatherMs);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      clearInterval(heartbeat);
    },
  };
}
