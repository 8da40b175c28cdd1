import { type Address, formatAddress } from '@caracal/net';
import * as k from './constants.ts';
import { layout } from './layout.ts';
import type { Request } from './socket.ts';
import { addressFamily } from './writer.ts';

const message = layout.fib_rule_hdr;

/** What has this source address is routed by this table first. */
export interface SourceRule {
  readonly source: Address;
  readonly table: number;
}

/** Adds a rule before those that are there (the kernel chooses its priority); EEXIST when there is one like it. */
export function addSourceRule({ source, table }: SourceRule): Request {
  return {
    operation: () => `add the rule that what comes from ${formatAddress(source)} is routed by table ${table}`,
    encode: (writer) => {
      const flags = k.NLM_F_REQUEST | k.NLM_F_CREATE | k.NLM_F_EXCL;
      const fixed = writer.begin(k.RTM_NEWRULE, flags, message.size);
      writer.setUint8(fixed + message.family, addressFamily(source));
      writer.setUint8(fixed + message.src_len, source.bytes.length * 8);
      writer.setUint8(fixed + message.action, k.FR_ACT_TO_TBL);
      writer.attributeBytes(k.FRA_SRC, source.bytes);
      writer.attributeUint32(k.FRA_TABLE, table);
    },
  };
}
