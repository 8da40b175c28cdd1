import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';
import type { Position, ResourceName, StoredBlock } from '../items.ts';

/** A resource to store. How it meets what is there: see put_resources in the migrations. */
export interface ResourcePut extends ResourceName {
  readonly apiVersion: string;
  readonly uid?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: unknown;
  /** Absent: replace what is there. */
  readonly mode?: 'ifMissing' | 'ifOtherUid' | 'merge';
}

interface ResourceLabels extends ResourceName {
  /** Merged into those that are there; null removes. */
  readonly labels: Readonly<Record<string, string | null>>;
}

/** All of it is stored, or none. */
export interface ResourcesRequest {
  readonly op: 'resources';
  readonly put?: readonly ResourcePut[];
  readonly label?: readonly ResourceLabels[];
  readonly delete?: readonly ResourceName[];
  /** Only if no resource of these kinds has changed after this revision: what was checked against them still holds. */
  readonly expected?: { readonly revision: bigint; readonly kinds: readonly string[] };
  /** Of the operator's term; answers `fenced` when a newer term has begun. */
  readonly epoch?: bigint;
  /** What is to be deleted and is not there counts as deleted. */
  readonly missingOk?: boolean;
  /** Answers as if it were stored, and stores nothing. */
  readonly dryRun?: boolean;
}

/** A block of a pool for a node. */
interface ClaimRequest {
  readonly op: 'claim';
  readonly pool: string;
  readonly node: string;
  readonly incarnation: string;
  /** The pool's blocks that the node knows to be its own; makes a repeated claim idempotent. */
  readonly held?: readonly string[];
  /** The block that it lies in, and no other. */
  readonly address?: string;
  /** The newest position that the node knows: a database that does not know it has lost something. */
  readonly seen?: Position;
}

/** Somebody has seen this position: a database that does not know it has lost something, and takes note. */
interface NoticeRequest {
  readonly op: 'notice';
  readonly seen: Position;
  /** The node that saw it; absent for a hub. */
  readonly node?: string;
}

/** What a node holds, by its journal: the database is brought in line with it, as far as nobody else has it. */
interface AssertRequest {
  readonly op: 'assert';
  readonly node: string;
  readonly incarnation: string;
  readonly machine: string;
  readonly blocks: readonly { readonly cidr: string; readonly pool: string }[];
  /** The newest position that the node knows: a database that does not know it has lost something. */
  readonly seen?: Position;
}

/** Takes back all that a node owns, because somebody knows that it is off. */
export interface ReclaimRequest {
  readonly op: 'reclaim';
  readonly node: string;
  /** Only what its earlier incarnations own. */
  readonly formerOnly?: boolean;
  /** With the last endpoint of a pod goes the Pod of its uid. */
  readonly removePods?: boolean;
  /** Of the operator's term; answers `fenced` when a newer term has begun. */
  readonly epoch?: bigint;
}

/** Blocks are granted again, though some nodes have not said what they own. */
interface EndReassertionRequest {
  readonly op: 'endReassertion';
}

/** Asks an address back from the node that holds it. */
interface AskBackRequest {
  readonly op: 'askBack';
  readonly address: string;
  /** Forgets an earlier refusal. */
  readonly again?: boolean;
}

/** Replaces a pool by its parts. */
interface SplitRequest {
  readonly op: 'split';
  readonly pool: string;
  readonly parts: readonly ResourcePut[];
}

/** A Service has these addresses and no others: all of them, or everything stays as it was. */
interface ServiceRequest {
  readonly op: 'service';
  /** Of the operator's term; answers `fenced` when a newer term has begun. */
  readonly epoch: bigint;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly addresses: readonly { readonly address: string; readonly pool: string }[];
}

interface ReleaseRequest {
  readonly op: 'release';
  readonly cidr: string;
  readonly node: string;
  readonly incarnation: string;
}

interface ReportedEndpoint {
  readonly containerId: string;
  readonly interface: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly addresses: readonly string[];
  /** What the node alone reads of it, after its journal was lost; empty: it stays as it is. */
  readonly record?: string;
}

interface ReportRequest {
  readonly op: 'report';
  readonly node: string;
  /** The endpoints are all of the node's: others go. */
  readonly full: boolean;
  readonly endpoints: readonly ReportedEndpoint[];
  readonly removed: readonly { readonly containerId: string; readonly interface: string }[];
  /** Resources that come with the endpoints. */
  readonly put?: readonly ResourcePut[];
  /** With the last endpoint of a pod goes the Pod of its uid. */
  readonly removePods?: boolean;
  /** Another incarnation of the node has no say. */
  readonly incarnation?: string;
  /** Addresses that were asked back and stay. */
  readonly refusals?: readonly { readonly address: string; readonly reason: string }[];
}

export type WriteRequest =
  | ResourcesRequest
  | ClaimRequest
  | ReleaseRequest
  | ReportRequest
  | AssertRequest
  | ReclaimRequest
  | NoticeRequest
  | EndReassertionRequest
  | AskBackRequest
  | SplitRequest
  | ServiceRequest;

type RefusalReason =
  | 'NotFound'
  | 'BlocksInUse'
  | 'BlocksOutside'
  | 'BlockSizeInUse'
  | 'AddressesInUse'
  | 'AddressesOutside'
  | 'UseInUse';

export interface Refusal extends ResourceName {
  readonly reason: RefusalReason;
  readonly blocks?: readonly { readonly cidr: string; readonly node: string }[] | null;
  /** That Services have. */
  readonly addresses?: readonly { readonly address: string; readonly service: string }[] | null;
}

export type PutOutcome = 'created' | 'configured' | 'unchanged';

interface ResourcesAnswer {
  readonly fenced?: true;
  readonly conflict?: true;
  readonly refused?: readonly Refusal[];
  /** In the order of `put`. */
  readonly outcomes?: readonly PutOutcome[];
}

interface ClaimAnswer {
  readonly block?: StoredBlock;
  /** The block of the address is another's. */
  readonly taken?: StoredBlock;
  /** The node has as many blocks as it may have. */
  readonly limit?: number;
  /** Why no block is granted now. */
  readonly refused?: string;
  /** The pool has this many blocks and all are taken. */
  readonly full?: number;
  readonly unknownPool?: true;
  readonly disabledPool?: true;
}

interface ReleaseAnswer {
  /** False: nobody owned it, as after a release that is repeated. */
  readonly released?: boolean;
  readonly owner?: { readonly node: string; readonly incarnation: string };
}

interface AssertAnswer {
  /** Owners of what the journal holds as well. */
  readonly conflicts?: readonly (StoredBlock & { readonly held: string })[];
  /** Of earlier incarnations of this node, which may still run. */
  readonly stranded?: readonly StoredBlock[];
  readonly blocks?: readonly StoredBlock[];
  readonly fenced?: string;
  readonly otherAlive?: string;
}

interface ReclaimAnswer {
  readonly fenced?: true;
  readonly released?: readonly string[];
  readonly endpoints?: number;
}

interface ReportAnswer {
  readonly quarantined?: number;
  readonly fenced?: string;
}

interface AskBackAnswer {
  readonly state: 'asked' | 'refused' | 'free';
  readonly node?: string;
  readonly reason?: string;
}

interface SplitAnswer {
  readonly unknownPool?: true;
  /** Blocks that lie in none of the parts. */
  readonly outside?: readonly StoredBlock[];
  readonly moved?: number;
}

interface ServiceAnswer {
  readonly fenced?: true;
  /** The first address that it cannot get; `by` names who has it, or the IPReservation. */
  readonly refused?: {
    readonly address: string;
    readonly reason: 'NotInPool' | 'Reserved' | 'Taken';
    readonly by?: string;
  };
  readonly assigned?: readonly string[];
  readonly released?: readonly string[];
}

interface Answers {
  readonly resources: ResourcesAnswer;
  readonly claim: ClaimAnswer;
  readonly release: ReleaseAnswer;
  readonly report: ReportAnswer;
  readonly assert: AssertAnswer;
  readonly reclaim: ReclaimAnswer;
  readonly notice: object;
  readonly endReassertion: { readonly nodes: readonly string[] };
  readonly askBack: AskBackAnswer;
  readonly split: SplitAnswer;
  readonly service: ServiceAnswer;
}

/** The answer to a request of that operation, with the revision that it is in. */
export type WriteAnswer<R extends WriteRequest = WriteRequest> = {
  readonly revision: bigint;
} & Answers[R['op']];

/** One call, one transaction, one hold of the revision lock. Answers in the order of the requests. */
export async function write(database: Kysely<Database>, requests: readonly WriteRequest[]): Promise<WriteAnswer[]> {
  // What is a bigint here is text in JSON.
  const body = JSON.stringify(requests, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  const { rows } = await sql<{ answers: (Omit<WriteAnswer, 'revision'> & { revision: string })[] }>`
    SELECT write(${body}::jsonb) AS answers`.execute(database);
  return rows[0].answers.map((answer) => ({ ...answer, revision: BigInt(answer.revision) }));
}
