import { ruleTarget } from 'iptables-wrapper';

/** What packets of one interface can come to. */
export interface Reach {
  readonly chains: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
}

/**
 * The chains that packets from or to the interface pass, from the given ones on, and the sets that these look into. Where a rule is about
 * other interfaces (the dispatch tree) its target is left out.
 */
export function reachOf(
  from: Iterable<string>,
  interfaceName: string,
  rulesOf: (chain: string) => readonly string[] | undefined,
): Reach {
  const chains = new Set<string>();
  const sets = new Set<string>();
  const due = [...from];
  for (let chain = due.pop(); chain !== undefined; chain = due.pop()) {
    const rules = rulesOf(chain);
    if (!rules || chains.has(chain)) continue;
    chains.add(chain);
    for (const rule of rules) {
      if (!concerns(rule, interfaceName)) continue;
      for (const [, set] of rule.matchAll(/--match-set (\S+)/g)) sets.add(set);
      const target = ruleTarget(rule);
      if (target !== undefined) due.push(target);
    }
  }
  return { chains, sets };
}

/** Whether the rule can match packets from or to the interface; `cara1+` is every name that begins so. */
function concerns(rule: string, interfaceName: string): boolean {
  const pattern = /(?:^| )-[io] (\S+)/.exec(rule)?.[1];
  if (pattern === undefined) return true;
  return pattern.endsWith('+') ? interfaceName.startsWith(pattern.slice(0, -1)) : interfaceName === pattern;
}
