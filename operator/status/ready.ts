import type { KubeObject } from '@caracal/kube';
import type { Outcome } from '../mirror/mirror.ts';
import type { Condition } from './conditions.ts';

/** What the condition Ready of an object says. */
export function readyCondition(object: KubeObject, outcome: Outcome): Condition {
  const observedGeneration = object.metadata.generation;
  if (outcome.ok) {
    const message = ['is in force', ...outcome.warnings].join('; ');
    return { type: 'Ready', status: 'True', reason: 'Stored', message, observedGeneration };
  }
  const stays = outcome.stored && outcome.reason !== 'Deleting' ? ' (the last right version stays in force)' : '';
  const { reason, message } = outcome;
  return { type: 'Ready', status: 'False', reason, message: message + stays, observedGeneration };
}
