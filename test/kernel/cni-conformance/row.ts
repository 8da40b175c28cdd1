import type { Trial } from './subject.ts';

/**
 * One requirement of the CNI specification 1.1.0 (SPEC.md of containernetworking/cni at tag spec-v1.1.0) on a plugin, in our words,
 * and how it is tried.
 */
export interface Row {
  readonly id: string;
  /** The heading under which the specification says it. */
  readonly section: string;
  readonly says: string;
  readonly level: 'must' | 'should' | 'habit';
  /** The version that brought it. */
  readonly since?: string;
  /** Throws what is wrong. */
  readonly test: (trial: Trial) => Promise<void>;
}
