/** The types of sets in use here. */
export type IpsetType = 'hash:net' | 'hash:ip,port' | 'hash:ip,port,ip';

/** A set as `ipset save` shows it. `type` is any of ipset's types, also those that we never make. */
export interface SavedSet {
  readonly type: string;
  readonly family: 4 | 6 | undefined;
  readonly maxElements: number | undefined;
  readonly members: ReadonlySet<string>;
}

/** Parses the output of `ipset save`; `wanted` says which sets are of interest (others can be huge). */
export function parseIpsetSave(text: string, wanted: (name: string) => boolean): ReadonlyMap<string, SavedSet> {
  const sets = new Map<string, SavedSet & { members: Set<string> }>();
  for (const line of text.split('\n')) {
    const words = line.split(' ');
    const [command, name] = words;
    if (name === undefined || !wanted(name)) continue;
    if (command === 'create') {
      const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
      const family = after('family');
      const maxElements = after('maxelem');
      sets.set(name, {
        type: words[2],
        family: family === 'inet' ? 4 : family === 'inet6' ? 6 : undefined,
        maxElements: maxElements === undefined ? undefined : Number(maxElements),
        members: new Set(),
      });
    } else if (command === 'add') {
      sets.get(name)?.members.add(words[2]);
    }
  }
  return sets;
}

/** The line that makes an empty set. `maxElements` is explicit: ipset's default of 65,536 overflows. */
export function createSetLine(name: string, type: IpsetType, family: 4 | 6, maxElements: number): string {
  return `create ${name} ${type} family ${family === 4 ? 'inet' : 'inet6'} maxelem ${maxElements}`;
}
