import { NodeService, type ReportRequest } from '@caracal/protocol';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Reporter, startReporter } from './reporter.ts';

let reporter: Reporter;
let reports: ReportRequest[];
beforeEach(() => {
  vi.useFakeTimers();
  reports = [];
  const report = (request: ReportRequest) => {
    reports.push(request);
    return {};
  };
  const client = createClient(
    NodeService,
    createRouterTransport(({ service }) => void service(NodeService, { report })),
  );
  reporter = startReporter({
    logger: pino({ level: 'silent' }),
    client: () => client,
    endpoints: () => [{ endpoint: { containerId: 'c', interface: 'eth0' } }],
    status: () => ({}),
    onAskedBack: async () => [],
  });
});
afterEach(() => {
  reporter.stop();
  vi.useRealTimers();
});

test('says everything again from time to time, though nothing has changed: what was not believed may be true by now', async () => {
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(reports).toEqual([]); // no hub has been reached
  reporter.full();
  await vi.advanceTimersByTimeAsync(3_600_000);
  const full = reports.filter((report) => report.full);
  expect(full.length).toBeGreaterThanOrEqual(4);
  expect(full.length).toBeLessThanOrEqual(10);
  expect(full.every(({ endpoints }) => endpoints.length === 1)).toBe(true);
  expect(reports.length - full.length).toBeGreaterThan(300);
});
