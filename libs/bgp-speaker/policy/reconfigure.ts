import type { RouteFamily } from 'bgp-parser';
import { type Policy, policyOf } from '../config.ts';
import type { LocRib } from '../rib/loc-rib.ts';
import { excluded } from '../rib/path-store.ts';
import type { Ribs } from '../update-in.ts';
import { judgeOf } from './filter.ts';

/** Whether two policies differ in what they say about a family. */
export function policiesDiffer(a: Policy, b: Policy, family: RouteFamily): boolean {
  return JSON.stringify(policyOf(a, family)) !== JSON.stringify(policyOf(b, family));
}

/** Whether received routes are kept as the policy has changed them: then another policy needs the peer's own once more. */
export function changesRoutes(policy: Policy, family: RouteFamily): boolean {
  const judge = judgeOf(policy, family);
  return typeof judge !== 'string' && judge.changes;
}

/** Judges what a peer has announced once more (soft reconfiguration); the policy changes no attributes. */
export function judgeAgain(ribs: Ribs, peer: number, policy: Policy, family: RouteFamily): void {
  const rib: LocRib = ribs.families[family];
  const judge = judgeOf(policy, family);
  rib.forEach((route, first) => {
    for (let path = first; path >= 0; path = rib.paths.next[path]) {
      if (rib.paths.peer[path] !== peer) continue;
      const number = rib.paths.attributes[path];
      const action =
        typeof judge === 'string'
          ? judge
          : judge.judge({
              prefix: rib.prefixes.at(route),
              attributes: ribs.attributes.at(number),
              nextHop: ribs.attributes.nextHop(number),
              learned: true,
            }).action;
      const others = rib.paths.exclusion[path] & ~excluded.byPolicy;
      rib.setExclusion(route, path, action === 'Accept' ? others : others | excluded.byPolicy);
    }
  });
}
