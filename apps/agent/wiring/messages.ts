import type { WiringOperation, WiringOperations } from './types.ts';

/** A call to the worker. */
export type WiringCall = {
  [O in WiringOperation]: {
    readonly id: number;
    readonly operation: O;
    readonly request: WiringOperations[O]['request'];
  };
}[WiringOperation];

/** The answer to the call of the same id; its type is that of the call's operation. */
export interface WiringAnswer {
  readonly id: number;
  readonly answer: unknown;
}
