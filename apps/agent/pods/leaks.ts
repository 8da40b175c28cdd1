import { existsSync } from 'node:fs';
import type { Assignment, NodeIpam } from '@caracal/ipam';
import type { Logger } from 'pino';
import type { OwnInterface, Wiring } from '../wiring/index.ts';
import { recordOf } from './endpoint-record.ts';
import { plainRecordOf } from './plain-addresses.ts';

/** An ADD takes its address before it makes the interface: what has none twice in a row has lost it. */
const lookEveryMs = 60_000;

export interface Leak {
  readonly address: string;
  readonly reason: string;
}

export interface LeakCheck {
  /** What the last two looks agree on. */
  readonly leaks: readonly Leak[];
  look(): Promise<void>;
  stop(): void;
}

export interface LeakCheckOptions {
  readonly ipam: Pick<NodeIpam, 'assignments'>;
  readonly wiring: Pick<Wiring, 'listOwnInterfaces'>;
  readonly logger: Logger;
  onChanged(): void;
}

/**
 * Looks from time to time for addresses that the journal holds and that nothing uses any more: their container has gone without a DEL. They are
 * told, not taken back: that is for the runtime (GC), or for an administrator.
 */
export function startLeakCheck({ ipam, wiring, logger, onChanged }: LeakCheckOptions): LeakCheck {
  let before = new Map<string, Assignment>();
  let leaks: readonly Leak[] = [];

  async function look(): Promise<void> {
    const found = await wiring.listOwnInterfaces();
    if (!found.ok) return;
    const now = new Map<string, Assignment>();
    const agreed: Leak[] = [];
    for (const assignment of ipam.assignments()) {
      const reason = whyLeaked(assignment, found.interfaces);
      if (reason === undefined) continue;
      now.set(assignment.handle, assignment);
      if (before.get(assignment.handle) === assignment)
        agreed.push(...assignment.addresses.map((address) => ({ address, reason })));
    }
    before = now;
    if (JSON.stringify(agreed) === JSON.stringify(leaks)) return;
    leaks = agreed;
    if (leaks.length > 0) logger.warn({ leaks }, 'nothing uses these addresses, and no DEL has come for them');
    onChanged();
  }

  const timer = setInterval(() => void look(), lookEveryMs).unref();
  return {
    get leaks() {
      return leaks;
    },
    look,
    stop: () => clearInterval(timer),
  };
}

/** Undefined when something uses it, or may. The interfaces of other plugins are in containers, where we do not look. */
function whyLeaked(assignment: Assignment, interfaces: readonly OwnInterface[]): string | undefined {
  const plain = plainRecordOf(assignment);
  if (plain) {
    if (plain.kind === 'gateway' || plain.netns === undefined || existsSync(plain.netns)) return undefined;
    return `network namespace ${plain.netns} of container ${plain.containerId.slice(0, 12)} is gone`;
  }
  const record = recordOf(assignment);
  const user = ({ name, addresses }: OwnInterface) =>
    name === record?.hostInterface || addresses.some((address) => assignment.addresses.includes(address));
  if (interfaces.some(user)) return undefined;
  return record
    ? `interface ${record.hostInterface} of container ${record.containerId.slice(0, 12)} is gone`
    : `no interface has it, and nobody knows whose it was (${assignment.handle})`;
}
