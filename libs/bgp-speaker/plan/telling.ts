import type { Prefix } from '@caracal/net';
import { encodeAttributes, origins, type RouteFamily } from 'bgp-parser';
import { bestOf } from '../decision/decide.ts';
import { type Exported, exportAttributes, mayExport } from '../policy/export.ts';
import { judgeOf } from '../policy/filter.ts';
import { type AttributeStore, storeContext } from '../rib/attribute-store.ts';
import type { PathStore } from '../rib/path-store.ts';
import { hiddenByAggregate, type PlannedPeer, type World } from './world.ts';

/** The paths to one prefix under a configuration; −1 for none. */
export interface PlannedRoute {
  readonly prefix: Prefix;
  readonly paths: PathStore;
  readonly first: number;
  readonly best: number;
}

/** What the peer is told of a route, as text that is the same for the same; empty for nothing. */
export function toldOf(
  world: World,
  peer: PlannedPeer,
  family: RouteFamily,
  route: PlannedRoute,
  attributes: AttributeStore,
): string {
  if (!peer.families.includes(family)) return '';
  if (peer.config.defaultOriginate && route.prefix.length === 0) {
    return textOf(exportAttributes(peer, family, 'local', { origin: origins.igp, asPath: [] }, undefined));
  }
  return chosen(world, peer, family, route, attributes)
    .map((path) => textOf(exportOf(world, peer, family, route, path, attributes)))
    .filter((text) => text !== '')
    .join(' ');
}

function chosen(
  world: World,
  { config, sendsPaths }: PlannedPeer,
  family: RouteFamily,
  { first, best, paths }: PlannedRoute,
  attributes: AttributeStore,
): readonly number[] {
  if (!sendsPaths.includes(family)) return best < 0 ? [] : [best];
  const { send, bestPaths = 1 } = config.addPaths ?? {};
  const input = { paths, attributes, peers: world.facts };
  return bestOf(first, input, send === 'All' ? Number.POSITIVE_INFINITY : bestPaths);
}

function exportOf(
  world: World,
  peer: PlannedPeer,
  family: RouteFamily,
  { prefix, paths }: PlannedRoute,
  path: number,
  store: AttributeStore,
): Exported | undefined {
  const from = paths.peer[path];
  const source = world.sourceOf(from);
  if (!mayExport(peer, source, from)) return undefined;
  if (peer.external && hiddenByAggregate(world, prefix)) return undefined;
  const policy = judgeOf(peer.config.exportAction, family);
  const attributes = store.at(paths.attributes[path]);
  const nextHop = store.nextHop(paths.attributes[path]);
  const originator = world.facts.identifier(from);
  if (typeof policy === 'string') {
    return policy === 'Accept'
      ? exportAttributes(peer, family, source, attributes, nextHop, { originator })
      : undefined;
  }
  const { action, rule } = policy.judge({ prefix, attributes, nextHop, learned: source !== 'local' });
  if (action === 'Reject') return undefined;
  const keepMed = source === 'local' || policy.setsMed(rule);
  return exportAttributes(peer, family, source, policy.change(rule, attributes), nextHop, { keepMed, originator });
}

function textOf(exported: Exported | undefined): string {
  if (!exported) return '';
  const { bytes } = exported.nextHop;
  return `${Buffer.from(bytes).toString('hex')}/${Buffer.from(encodeAttributes(exported.attributes, storeContext)).toString('hex')}`;
}
