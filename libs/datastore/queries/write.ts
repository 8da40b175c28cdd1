import { type Kysely, sql } from 'kysely';
import { type Database, jsonb } from '../database.ts';
import type { ResourceName } from '../items.ts';

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
}

export type WriteRequest = ResourcesRequest | ClaimRequest | ReleaseRequest | ReportRequest;

type RefusalReason = 'NotFound' | 'BlocksInUse' | 'BlocksOutside' | 'BlockSizeInUse';

export interface Refusal extends ResourceName {
  readonly reason: RefusalReason;
  readonly blocks?: readonly { readonly cidr: string; readonly node: string }[];
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
  readonly block?: {
    readonly cidr: string;
    readonly pool: string;
    readonly node: string;
    readonly incarnation: string;
  };
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

/** The answer to a request of that operation, with the revision that it is in. */
export type WriteAnswer<R extends WriteRequest = WriteRequest> = {
  readonly revision: bigint;
} & (R extends ResourcesRequest
  ? ResourcesAnswer
  : R extends ClaimRequest
    ? ClaimAnswer
    : R extends ReleaseRequest
      ? ReleaseAnswer
      : object);

/** One call, one transaction, one hold of the revision lock. Answers in the order of the requests. */
export async function write(database: Kysely<Database>, requests: readonly WriteRequest[]): Promise<WriteAnswer[]> {
  const body = requests.map((request) =>
    request.op === 'resources'
      ? {
          ...request,
          ...(request.expected && { expected: { ...request.expected, revision: String(request.expected.revision) } }),
          ...(request.epoch !== undefined && { epoch: String(request.epoch) }),
        }
      : request,
  );
  const { rows } = await sql<{ answers: (Omit<WriteAnswer, 'revision'> & { revision: string })[] }>`
    SELECT write(${jsonb(body)}) AS answers`.execute(database);
  return rows[0].answers.map((answer) => ({ ...answer, revision: BigInt(answer.revision) }));
}
