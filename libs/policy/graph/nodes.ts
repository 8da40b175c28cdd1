/** The nodes of the compiler's graph; compiler.ts has the drawing of how they hang together. */
import type { PolicySource } from '../conversion/policy-source.ts';
import type { CompiledPolicy, PolicyId, SetDefinition } from '../model.ts';
import type { Selecting } from '../selectors/selector-index.ts';
import type { LabelledParent, Subject } from '../selectors/subject.ts';
import type { Labels, NamedPort } from '../updates.ts';
import { SmallSet } from './small-set.ts';

export const noMembers: readonly string[] = [];
/** Of the many identities that no set selects; nothing is ever put into it. */
export const noSets: SetNode[] = [];
export const noPorts: readonly NamedPort[] = [];

/** A namespace or service account, and the identities in it that some source carries. */
export interface ParentNode extends LabelledParent {
  labels: ReadonlyMap<string, string>;
  readonly identities: Set<Identity>;
}

/**
 * All that selectors can tell apart: kind, namespace, service account and labels. Pods that are equal in these share
 * one identity, and a selector is evaluated once for all of them.
 */
export class Identity implements Subject {
  readonly kind: Subject['kind'];
  readonly labels: Labels;
  readonly namespace: ParentNode | undefined;
  readonly serviceAccount: ParentNode | undefined;
  /** Key of the intern table. */
  readonly hash: number;
  /** Pods and network sets that hold it. */
  holders = 0;
  /** What carries it now; matched against selectors as long as there is any. */
  readonly sources = new SmallSet<Source>();
  /** The sets that it belongs to. */
  sets: SetNode[] = noSets;
  /** Few identities are of this node: these are made when they are asked for. */
  #locals: SmallSet<LocalNode> | undefined;
  #policies: SmallSet<PolicyNode> | undefined;

  constructor(
    hash: number,
    { kind, labels, namespace, serviceAccount }: Pick<Identity, 'kind' | 'labels' | 'namespace' | 'serviceAccount'>,
  ) {
    this.hash = hash;
    this.kind = kind;
    this.labels = labels;
    this.namespace = namespace;
    this.serviceAccount = serviceAccount;
  }

  /** Endpoints of this node that carry it. */
  get locals(): SmallSet<LocalNode> {
    this.#locals ??= new SmallSet();
    return this.#locals;
  }

  /** The policies that select its endpoints of this node. */
  get policies(): SmallSet<PolicyNode> {
    this.#policies ??= new SmallSet();
    return this.#policies;
  }
}

/** Something with addresses, an endpoint or a network set with its CIDRs, as the sets count it now. */
export interface Source {
  /** Undefined while nothing is known that could be selected. */
  identity: Identity | undefined;
  /** In the notation of `ipset add`. */
  members: readonly string[];
  ports: readonly NamedPort[];
}

/** The addresses (or addresses with a named port) that a selector selects. */
export interface SetNode extends Selecting {
  /** What it means; equal texts share one set. */
  readonly text: string;
  readonly definition: SetDefinition;
  readonly port?: { readonly name: string; readonly protocol: 'tcp' | 'udp' | 'sctp' };
  /** Compiled policies that refer to it. */
  users: number;
  readonly identities: Set<Identity>;
  /** How many sources give a member. */
  readonly members: Map<string, number>;
  /** Members that came or went since the last flush, with whether that flush had them. Empty until published. */
  readonly touched: Map<string, boolean>;
  published: boolean;
}

export interface PolicyNode extends Selecting {
  readonly id: PolicyId;
  readonly source: PolicySource;
  /** Identities of local endpoints that it selects; compiled as long as there is any. */
  readonly selected: SmallSet<Identity>;
  compiled: { readonly policy: CompiledPolicy; readonly sets: readonly SetNode[] } | undefined;
}

export interface PodNode {
  readonly key: string;
  readonly uid: string;
  readonly identity: Identity;
  readonly ports: readonly NamedPort[];
  /** The resync that said it last. */
  resync: number;
}

/** An endpoint as its node reported it. There is one for each pod of the network: a class, so that all lie in memory alike and nothing is spread. */
export class EndpointNode implements Source {
  identity: Identity | undefined;
  members: readonly string[] = noMembers;
  ports: readonly NamedPort[] = noPorts;
  readonly uid: string;
  readonly addresses: readonly string[];
  removed = false;
  /** The resync that said it last. */
  resync: number;

  constructor(uid: string, addresses: readonly string[], resync: number) {
    this.uid = uid;
    this.addresses = addresses;
    this.resync = resync;
  }

  get kind(): 'endpoint' {
    return 'endpoint';
  }
}

/** An endpoint of this node. */
export interface LocalNode extends Source {
  readonly kind: 'local';
  readonly id: string;
  readonly interfaceName: string;
  /** The pod as ADD described it. */
  readonly pod: PodNode;
  readonly uid: string;
  readonly addresses: readonly string[];
  removed: boolean;
}

export interface NetworkSetNode extends Source {
  readonly kind: 'networkSet';
  /** The identity of its labels. */
  readonly own: Identity;
  readonly addresses: readonly string[];
  removed: boolean;
}

export type CarrierNode = EndpointNode | LocalNode | NetworkSetNode;
