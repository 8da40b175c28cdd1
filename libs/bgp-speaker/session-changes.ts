import { type PeerConfig, type SpeakerConfig, withoutPolicy } from './config.ts';
import { placeOf } from './link-local.ts';

/** What a configuration means for the session with one peer. */
export type SessionChange = 'begins' | 'ends' | 'shutsDown' | 'restarts' | 'stays';

export interface PlannedSession {
  readonly change: SessionChange;
  /** Of one that restarts: the settings that are not those of before, by their names. */
  readonly settings: readonly string[];
}

/** Of peers with one address only the first can be told apart by its connections: the name of that one. */
export function ownersOf({ peers }: SpeakerConfig): (peer: PeerConfig) => string {
  const owners = new Map([...peers].reverse().map((peer) => [placeOf(peer), peer.name]));
  return (peer) => owners.get(placeOf(peer)) ?? peer.name;
}

/** What becomes of each session, by the peer's name, when one configuration takes the place of another. */
export function sessionChanges(before: SpeakerConfig | undefined, after: SpeakerConfig): Map<string, PlannedSession> {
  const changes = new Map<string, PlannedSession>();
  const say = (name: string, change: SessionChange, settings: readonly string[] = []) =>
    changes.set(name, { change, settings });
  const wanted = new Map(after.peers.map((peer) => [peer.name, peer]));
  const ownerBefore = before ? ownersOf(before) : undefined;
  const ownerAfter = ownersOf(after);
  const everyone = before ? differing(sharedBySessions(before), sharedBySessions(after)) : [];
  for (const peer of before?.peers ?? []) {
    const next = wanted.get(peer.name);
    wanted.delete(peer.name);
    if (!next) say(peer.name, 'ends');
    else if (next.shutdown && !peer.shutdown) say(peer.name, 'shutsDown');
    else {
      const own = differing(
        { ...withoutPolicy(peer), owner: ownerBefore?.(peer) },
        { ...withoutPolicy(next), owner: ownerAfter(next) },
      );
      const settings = [...everyone, ...own];
      say(peer.name, settings.length > 0 ? 'restarts' : 'stays', settings);
    }
  }
  for (const name of wanted.keys()) say(name, 'begins');
  return changes;
}

/** What all sessions depend on. */
function sharedBySessions({ localAs, routerId, clusterId, listenPort }: SpeakerConfig) {
  return { localAs, routerId, clusterId, listenPort };
}

/** The names of the members that two objects do not have alike. */
function differing(a: object, b: object): string[] {
  const [first, second] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  const names = new Set([...first.keys(), ...second.keys()]);
  return [...names].filter((name) => JSON.stringify(first.get(name)) !== JSON.stringify(second.get(name)));
}
