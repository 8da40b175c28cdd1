import type { AttributeFault, Nlri, PathAttributes, RouteFamily, Update } from 'bgp-parser';
import type { Peer } from './peer.ts';
import { judgeOf } from './policy/filter.ts';
import { importRoute, judgeImport } from './policy/import.ts';
import { isMartian } from './policy/martians.ts';
import type { AttributeStore } from './rib/attribute-store.ts';
import type { LocRib } from './rib/loc-rib.ts';
import { excluded } from './rib/path-store.ts';

export interface Ribs {
  readonly attributes: AttributeStore;
  readonly families: Readonly<Record<RouteFamily, LocRib>>;
}

/**
 * Applies an UPDATE to the peer's Adj-RIB-In. Returns the family whose End-of-RIB it is (RFC 4724 section 2), if any.
 * Families that the session has not agreed on are ignored.
 */
export function applyUpdate(
  ribs: Ribs,
  peer: Peer,
  update: Update,
  faults: readonly AttributeFault[],
): RouteFamily | undefined {
  const { mpReach, mpUnreach, ...shared } = update.attributes;
  const agreed = (family: RouteFamily) => peer.negotiated?.families.includes(family) ?? false;
  const withdraw = (family: RouteFamily, list: readonly Nlri[]) => {
    if (!agreed(family)) return;
    for (const { prefix, pathId } of list) ribs.families[family].withdraw(peer.number, prefix, pathId);
  };
  withdraw('ipv4Unicast', update.withdrawn);
  if (mpUnreach && mpUnreach.family !== 'other') withdraw(mpUnreach.family, mpUnreach.nlri);

  const reach = mpReach && mpReach.family !== 'other' ? mpReach : undefined;
  if (faults.some((fault) => fault.kind === 'treatAsWithdraw') || !beginsWithPeer(peer, update.attributes)) {
    withdraw('ipv4Unicast', update.announced);
    if (reach) withdraw(reach.family, reach.nlri);
    return undefined;
  }
  const announce = (family: RouteFamily, given: readonly Nlri[], attributes: PathAttributes) => {
    if (!agreed(family)) return;
    const list = given.filter(
      ({ prefix }) => !isMartian(prefix.address.family, prefix.address.bytes, 0, prefix.length),
    );
    if (list.length === 0) return;
    const base = judgeImport(peer, attributes);
    const policy = judgeOf(peer.config.importAction, family);
    // One use while the loop runs, and one for each path.
    const number = ribs.attributes.intern(attributes);
    for (const { prefix, pathId } of list) {
      const { action, changed } = importRoute(policy, prefix, attributes);
      const exclusion = action === 'Accept' ? base : base | excluded.byPolicy;
      if (changed === attributes) ribs.attributes.retain(number);
      const kept = changed === attributes ? number : ribs.attributes.intern(changed);
      ribs.families[family].announce(peer.number, prefix, kept, exclusion, pathId);
    }
    ribs.attributes.release(number);
  };
  announce('ipv4Unicast', update.announced, shared);
  if (reach) {
    const { nextHop: _, ...withoutNextHop } = shared;
    const attributes =
      reach.family === 'ipv4Unicast' && reach.nextHops[0].family === 4
        ? { ...withoutNextHop, nextHop: reach.nextHops[0] }
        : { ...withoutNextHop, mpReach: { ...reach, nlri: [] } };
    announce(reach.family, reach.nlri, attributes);
  }
  return endOfRib(update, faults);
}

/** RFC 4271 section 6.3: the path of an external peer begins with its AS number; else the routes are withdrawn. */
function beginsWithPeer(peer: Peer, attributes: PathAttributes): boolean {
  if (!peer.external || !attributes.asPath) return true;
  const first = attributes.asPath[0];
  return first?.type === 'sequence' && first.asNumbers[0] === peer.asNumber;
}

function endOfRib(update: Update, faults: readonly AttributeFault[]): RouteFamily | undefined {
  if (update.withdrawn.length > 0 || update.announced.length > 0 || faults.length > 0) return undefined;
  const names = Object.keys(update.attributes);
  if (names.length === 0) return 'ipv4Unicast';
  const { mpUnreach } = update.attributes;
  if (names.length > 1 || !mpUnreach || mpUnreach.family === 'other' || mpUnreach.nlri.length > 0) return undefined;
  return mpUnreach.family;
}
