import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Journal, JournalError, type JournalRecord, openJournal } from '@caracal/ipam';
import { parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import type { RecoverResponse, ReportedEndpoint } from '@caracal/protocol';
import type { Logger } from 'pino';
import { type OwnInterface, ownInterfaces, type Wiring } from '../wiring/index.ts';
import { recordOf } from './endpoint-record.ts';
import { fileWitness } from './journal-witness.ts';
import { recoveredAssignment } from './recovered.ts';

export interface JournalPlace {
  readonly nodeName: string;
  readonly stateDirectory: string;
  readonly runDirectory: string;
}

export interface JournalSources {
  readonly wiring: Pick<Wiring, 'listOwnInterfaces'>;
  readonly logger: Logger;
  /** Asks a hub what it knows of this node; throws when none answers. */
  recover(): Promise<RecoverResponse>;
  newIncarnation(): string;
  readonly signal: AbortSignal;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly wasLost: boolean;
  /** The agent has not run since the machine booted. */
  readonly newBoot: boolean;
}

const longestPauseMs = 5_000;

/**
 * The node's journal. One that is missing although this node ran since it booted, or although pods are wired, one that is damaged, and one
 * that is not what this boot has written last (an old copy, or cut short) is made anew from the hub's rows and the kernel's routes. That waits for a hub as long as it must: to give out addresses that
 * pods have would be worse than to start no pod. What runs goes on meanwhile.
 */
export async function openNodeJournal(place: JournalPlace, sources: JournalSources): Promise<OpenedJournal> {
  const { logger } = sources;
  const path = join(place.stateDirectory, 'ipam.journal');
  // In the folder that no boot survives: it tells a journal that was lost from a node that is new.
  const mark = join(place.runDirectory, 'incarnation');
  const witness = join(place.runDirectory, 'journal.state');
  const open = () => openJournal(path, fileWitness(witness));
  const journal = await open().catch((error: unknown) => {
    if (!(error instanceof JournalError)) throw error;
    logger.error({ reason: error.message }, 'the journal cannot be used: it is put aside and made anew');
    return undefined;
  });
  if (journal?.torn) logger.warn('the journal ended in an unfinished line, which was never acknowledged: cut off');
  const newBoot = !existsSync(mark);
  if (journal && journal.records.length > 0) return { journal, wasLost: false, newBoot };
  await journal?.close();

  const found = await ownInterfaces(sources.wiring);
  if (!journal) renameSync(path, `${path}.damaged`);
  if (journal && found.interfaces.length === 0 && newBoot) {
    return { journal: await open(), wasLost: false, newBoot };
  }

  logger.error(
    { interfaces: found.interfaces.length },
    'the IPAM journal is lost: no address is given out until it is made anew from what a hub and the kernel know',
  );
  const known = await untilAnswered(sources);
  const kept = known.endpoints.flatMap((reported) => knownStill(reported, found.interfaces));
  const pools = new Map(known.blocks.map(({ cidr, pool }) => [cidr, pool]));
  const blocks = new Map(found.blocks.map((cidr) => [cidr, pools.get(cidr) ?? '']));
  for (const [cidr, pool] of pools) if (isUsed(cidr, kept)) blocks.set(cidr, pool);
  for (const former of [path, witness]) rmSync(former, { force: true });
  const fresh = await openJournal(path);
  const incarnation = known.incarnation || sources.newIncarnation();
  await fresh.compact(() => [
    { type: 'node', node: place.nodeName, incarnation },
    ...[...blocks].map(([cidr, pool]) => ({ type: 'block' as const, cidr, pool })),
    ...kept,
  ]);
  await fresh.close();
  logger.warn({ incarnation, blocks: [...blocks.keys()] }, 'the journal is made anew');
  return { journal: await open(), wasLost: true, newBoot };
}

/**
 * Of blocks that the hub says are ours and the kernel has no route for, those that somebody uses: a database that was put back from a backup
 * may give us what another node owns by now. What is ours nevertheless the hub says when it is told what we have.
 */
function isUsed(cidr: string, records: readonly JournalRecord[]): boolean {
  const prefix = parsePrefix(cidr);
  const addresses = records.flatMap((record) => (record.type === 'assign' ? record.addresses : []));
  return addresses.some((text) => {
    const address = parseAddress(text);
    return prefix !== undefined && address !== undefined && prefixContains(prefix, address);
  });
}

/**
 * What the hub knows of an endpoint, when it still stands: of a pod, its interface; its addresses are those that the kernel has. One
 * whose record the hub lacks is left to `meetKernel`. Addresses that other plugins' interfaces have are believed: we cannot look there.
 */
function knownStill(reported: ReportedEndpoint, interfaces: readonly OwnInterface[]): JournalRecord[] {
  const assignment = recoveredAssignment(reported);
  if (!assignment) return [];
  const name = recordOf(assignment)?.hostInterface;
  if (name === undefined) return [{ type: 'assign', ...assignment }];
  const standing = interfaces.find((each) => each.name === name);
  return standing ? [{ type: 'assign', ...assignment, addresses: standing.addresses }] : [];
}

/**
 * To be called when the journal is open, and has given back what a boot has ended: from now on its absence means that it was lost, and what it
 * holds is of this boot.
 */
export function markIncarnation(place: JournalPlace, incarnation: string): void {
  writeFileSync(join(place.runDirectory, 'incarnation'), `${incarnation}\n`);
}

async function untilAnswered({ recover, logger, signal }: JournalSources): Promise<RecoverResponse> {
  let told = '';
  for (let pause = 100; ; pause = Math.min(pause * 2, longestPauseMs)) {
    signal.throwIfAborted();
    try {
      return await recover();
    } catch (error) {
      const reason = String(error);
      if (reason !== told) logger.warn({ reason }, 'no hub tells what this node owned: trying again');
      told = reason;
    }
    await sleep(pause, undefined, { signal });
  }
}
