export { encodeMrtRecord, type ReadRecord, readMrt } from './file.ts';
export type { MrtPeer, MrtRecord, RibEntry } from './record.ts';
export { dumpedNextHop } from './table-dump.ts';
