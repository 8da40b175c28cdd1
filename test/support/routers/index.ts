import type { Netns } from '../netns.ts';
import { startBirdRouter } from './bird.ts';
import type { Router, RouterDescription, RouterKind } from './description.ts';
import { startFrr } from './frr.ts';
import { startGobgp } from './gobgp.ts';

export type { Router, RouterDescription, RouterKind, SeenRoute } from './description.ts';

const starters: Readonly<Record<RouterKind, (netns: Netns, description: RouterDescription) => Promise<Router>>> = {
  BIRD: startBirdRouter,
  FRR: startFrr,
  GoBGP: startGobgp,
};

/** Starts a router of a kind in a namespace, and waits until its client answers. */
export function startRouter(kind: RouterKind, netns: Netns, description: RouterDescription): Promise<Router> {
  return starters[kind](netns, description);
}
