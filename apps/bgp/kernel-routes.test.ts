import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '@caracal/net';
import type { Route } from '@caracal/netlink';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KernelRoutes, type KernelTable } from './kernel-routes.ts';

/** A routing table that refuses next hops in 10.66.0.0/16, until told otherwise. */
function createTable() {
  const routes = new Map<string, string>();
  const calls: string[] = [];
  const state = { refusing: true };
  const table: KernelTable = {
    replaceRoute: (route) => {
      const key = formatPrefix(route.prefix);
      const hops = route.nextHops.map((hop) => (hop.gateway ? formatAddress(hop.gateway) : '')).join(' ');
      calls.push(`set ${key}`);
      if (state.refusing && hops.startsWith('10.66.')) {
        return { ok: false, error: { code: 'ENETUNREACH', errno: 101, message: 'Network is unreachable' } };
      }
      routes.set(key, hops);
      return { ok: true };
    },
    deleteRoute: ({ prefix }) => {
      calls.push(`delete ${formatPrefix(prefix)}`);
      routes.delete(formatPrefix(prefix));
      return { ok: true };
    },
    findLink: () => ({ ok: true, value: undefined }),
    listRoutes: ({ family, protocol = 0 }) => ({
      ok: true,
      value: [...routes].flatMap(([key, hops]): Route[] => {
        const prefix = parsePrefix(key)!;
        if (prefix.address.family !== family) return [];
        return [{ prefix, protocol, nextHops: hops.split(' ').map((hop) => ({ gateway: parseAddress(hop) })) }];
      }),
    }),
  };
  return { table, routes, calls, state };
}

const hops = (...texts: string[]) => texts.map((text) => ({ address: parseAddress(text)! }));
const prefix = (text: string) => parsePrefix(text)!;
const config = { enabled: true, protocol: 201 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('keeps what an earlier process left until the sweep, and touches what is the same not at all', () => {
  const { table, routes, calls } = createTable();
  routes.set('10.1.0.0/16', '10.0.0.1').set('10.2.0.0/16', '10.0.0.2').set('10.3.0.0/16', '10.0.0.1');
  const kernel = new KernelRoutes(table, () => {});
  kernel.configure(config);
  kernel.setRoute(prefix('10.1.0.0/16'), hops('10.0.0.1'));
  kernel.setRoute(prefix('10.2.0.0/16'), hops('10.0.0.1', '10.0.0.2', '10.0.0.1'));
  kernel.setRoute(prefix('10.9.0.0/16'), []);
  expect(calls).toEqual(['set 10.2.0.0/16']);
  kernel.sweep();
  expect(Object.fromEntries(routes)).toEqual({ '10.1.0.0/16': '10.0.0.1', '10.2.0.0/16': '10.0.0.1 10.0.0.2' });
  kernel.setRoute(prefix('10.1.0.0/16'), []);
  kernel.remove();
  expect(routes.size).toBe(0);
});

it('takes only what the filter lets in, and follows its changes', () => {
  const { table, routes } = createTable();
  const kernel = new KernelRoutes(table, () => {});
  kernel.configure({ ...config, importCidrs: ['10.1.0.0/16'] });
  for (const text of ['10.1.2.0/24', '10.2.0.0/16', '10.0.0.0/8']) kernel.setRoute(prefix(text), hops('10.0.0.1'));
  expect([...routes.keys()]).toEqual(['10.1.2.0/24']);
  kernel.configure({ ...config, importCidrs: ['10.2.0.0/15'] });
  expect([...routes.keys()]).toEqual(['10.2.0.0/16']);
  kernel.configure(config);
  expect(routes.size).toBe(3);
  kernel.configure({ ...config, enabled: false });
  expect(routes.size).toBe(0);
});

it('tries again what the kernel refused, and does not leave the old way there', () => {
  const { table, routes, state } = createTable();
  const kernel = new KernelRoutes(table, () => {});
  kernel.configure(config);
  kernel.setRoute(prefix('10.1.0.0/16'), hops('10.0.0.1'));
  kernel.setRoute(prefix('10.1.0.0/16'), hops('10.66.0.1'));
  expect(routes.size).toBe(0);
  vi.advanceTimersByTime(5000);
  expect(routes.size).toBe(0);
  state.refusing = false;
  vi.advanceTimersByTime(1000);
  expect(routes.get('10.1.0.0/16')).toBe('10.66.0.1');
});

it('repairs what others removed or changed', () => {
  const { table, routes, calls } = createTable();
  const kernel = new KernelRoutes(table, () => {});
  kernel.configure(config);
  for (const text of ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16']) kernel.setRoute(prefix(text), hops('10.0.0.1'));
  routes.delete('10.1.0.0/16');
  routes.set('10.2.0.0/16', '10.0.0.9');
  calls.length = 0;
  kernel.repair();
  expect(calls).toEqual(['set 10.1.0.0/16', 'set 10.2.0.0/16']);
  expect(routes.get('10.2.0.0/16')).toBe('10.0.0.1');
});
