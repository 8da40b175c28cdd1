export { type Journal, JournalError, openJournal } from './journal.ts';
export { type Assignment, type ClaimResult, type NodeIpam, openNodeIpam } from './node-ipam.ts';
export { type PoolCandidate, poolsForWorkload } from './pools.ts';
