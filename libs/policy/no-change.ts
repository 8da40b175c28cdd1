import type { PolicyDelta } from './model.ts';

/** The difference between a compiled state and itself, to build others from. */
export const noChange: PolicyDelta = {
  sets: [],
  removedSets: [],
  policies: [],
  removedPolicies: [],
  endpoints: [],
  removedEndpoints: [],
};
