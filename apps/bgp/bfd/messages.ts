import type { BfdState } from './packet.ts';
import type { BfdTimes } from './session.ts';

/** What the worker is told. */
export type BfdOrder =
  | {
      readonly type: 'open';
      readonly id: number;
      /** With `%INTERFACE` when link-local. */
      readonly local: string;
      readonly remote: string;
      readonly times: BfdTimes;
    }
  | { readonly type: 'close'; readonly id: number };

/** What the worker says. */
export type BfdReport =
  | { readonly type: 'state'; readonly id: number; readonly state: BfdState; readonly failed?: string }
  | { readonly type: 'trouble'; readonly message: string };
