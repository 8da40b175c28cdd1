export type { Assignment } from './assignments.ts';
export type { ClaimResult } from './claims.ts';
export {
  type Journal,
  JournalError,
  type JournalState,
  type JournalWitness,
  JournalWriteError,
  openJournal,
} from './journal.ts';
export type { JournalRecord } from './journal-format.ts';
export { type NodeIpam, openNodeIpam } from './node-ipam.ts';
export { type AddressRequest, type AddressWish, type PoolCandidate, type WishesResult, wishesFor } from './pools.ts';
