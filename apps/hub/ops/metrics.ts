import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Feed } from '../feed/feed.ts';
import type { ConnectedNodes } from '../node-service/connected-nodes.ts';

export interface Metrics {
  readonly registry: Registry;
  /** Counts and times every call but the streams. */
  readonly interceptor: Interceptor;
  /** A call of the write function with so many requests. */
  onWrite(requests: number): void;
  /** So many endpoints of a report were not believed. */
  onQuarantined(endpoints: number): void;
}

export function createMetrics(feed: Feed, connected: ConnectedNodes): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new Histogram({
    name: 'caracal_hub_request_seconds',
    help: 'Duration of requests by method and outcome',
    labelNames: ['method', 'code'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  });
  const writes = new Counter({ name: 'caracal_hub_writes_total', help: 'Calls of the write function', registers });
  const written = new Counter({ name: 'caracal_hub_write_requests_total', help: 'Requests in those calls', registers });
  const quarantined = new Counter({
    name: 'caracal_hub_quarantined_total',
    help: 'Endpoints in reports whose addresses are not the node’s to use (caracalctl ipam check names them)',
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('caracal_hub_feed_revision', 'The newest revision that this hub has read', () =>
    Number(feed.head?.revision ?? 0n),
  );
  gauge('caracal_hub_feed_live', 'Whether this hub is in step with the database', () => (feed.liveness().live ? 1 : 0));
  gauge('caracal_hub_feed_items', 'Objects in the feed', () => feed.itemCount);
  gauge('caracal_hub_streams', 'Streams of node agents that are open', () => connected.streams);

  const interceptor: Interceptor = (next) => async (request) => {
    if (request.stream) return next(request);
    const stop = calls.startTimer({ method: request.method.name });
    try {
      const response = await next(request);
      stop({ code: 'ok' });
      return response;
    } catch (error) {
      stop({ code: Code[ConnectError.from(error).code] });
      throw error;
    }
  };
  return {
    registry,
    interceptor,
    onWrite: (requests) => {
      writes.inc();
      written.inc(requests);
    },
    onQuarantined: (endpoints) => quarantined.inc(endpoints),
  };
}
