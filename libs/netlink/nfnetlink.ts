import type { Family } from '@caracal/net';
import * as k from './constants.ts';
import { layout } from './layout.ts';
import type { MessageWriter } from './writer.ts';

/** The address families of the kernel, by ours. */
export const families = { 4: k.AF_INET, 6: k.AF_INET6 } as const;

/** The type of a message of a subsystem of netfilter (linux/netfilter/nfnetlink.h). */
export const messageType = (subsystem: number, message: number): number => (subsystem << 8) | message;

/** Begins a request to a subsystem; without a family it is about all of them. */
export function beginRequest(writer: MessageWriter, type: number, family: Family | undefined): void {
  const fixed = writer.begin(type, k.NLM_F_REQUEST, layout.nfgenmsg.size);
  writer.setUint8(fixed + layout.nfgenmsg.nfgen_family, family === undefined ? k.AF_UNSPEC : families[family]);
  writer.setUint8(fixed + layout.nfgenmsg.version, k.NFNETLINK_V0);
}
