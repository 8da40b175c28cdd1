import { connect, createNetns, type Netns } from '../support/netns.ts';
import { type Router, type RouterDescription, type RouterKind, startRouter } from '../support/routers/index.ts';
import { createSpeaker, type TestSpeaker } from './speaker.ts';

/** One of ours. */
export type Side = 'near' | 'far';

/** The second octet of the addresses of its links. */
const second = { near: 99, far: 98 } as const;

/**
 * Two speakers of ours, and routers between them or beside one of them. Router N has a link of its own to each that it is next to: 10.99.N.0/24
 * and 2001:db8:99:N::/64 to `near`, with 98 to `far`; ours is host 1 on it, the router host 2. Nothing of ours runs before it is started.
 */
export interface RoutersWorld {
  readonly near: TestSpeaker;
  readonly far: TestSpeaker;
  readonly nearNetns: Netns;
  addRouter(options: NewRouter): Promise<Router>;
  router(name: string): Router;
  /** Those that were added, by their numbers. */
  routers(): Router[];
  remove(): Promise<void>;
}

interface NewRouter {
  readonly kind: RouterKind;
  /** By which `router` finds it; its kind unless given. */
  readonly name?: string;
  readonly number: number;
  readonly nextTo: readonly Side[];
  readonly description: RouterDescription;
  /** In its namespace, before it starts. */
  prepare?(netns: Netns): Promise<unknown>;
}

export async function createRoutersWorld(): Promise<RoutersWorld> {
  const spaces: Netns[] = [];
  const routers = new Map<string, { readonly number: number; readonly router: Router }>();
  const space = async (name: string) => {
    const made = await createNetns(name);
    spaces.push(made);
    return made;
  };
  const sides = { near: await space('near'), far: await space('far') };
  const [near, far] = [createSpeaker(sides.near), createSpeaker(sides.far)];

  async function link(side: Side, other: Netns, number: number): Promise<void> {
    const net = second[side];
    const ends = [
      { netns: sides[side], interface: `eth${number}`, host: 1 },
      { netns: other, interface: `eth${net}`, host: 2 },
    ] as const;
    const [ours, theirs] = ends.map((end) => ({ ...end, address: `10.${net}.${number}.${end.host}/24` }));
    await connect(ours, theirs);
    // Without duplicate address detection, so that the addresses can be used at once.
    for (const { netns, interface: name, host } of ends)
      await netns.run('ip', ['address', 'add', `2001:db8:${net}:${number}::${host}/64`, 'dev', name, 'nodad']);
  }

  return {
    near,
    far,
    nearNetns: sides.near,
    async addRouter({ kind, name = kind, number, nextTo, description, prepare }) {
      const netns = await space(kind);
      for (const side of nextTo) await link(side, netns, number);
      await prepare?.(netns);
      const router = await startRouter(kind, netns, description);
      routers.set(name, { number, router });
      return router;
    },
    router(name) {
      const found = routers.get(name);
      if (!found) throw new Error(`there is no ${name}`);
      return found.router;
    },
    routers: () => [...routers.values()].sort((a, b) => a.number - b.number).map(({ router }) => router),
    async remove() {
      await Promise.all([near.remove(), far.remove(), ...[...routers.values()].map(({ router }) => router.stop())]);
      for (const netns of spaces) await netns.remove();
    },
  };
}
