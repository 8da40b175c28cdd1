import * as k from './constants.ts';
import type { Result } from './errors.ts';
import { layout } from './layout.ts';
import { forEachAttribute, readString } from './reader.ts';
import type { NetlinkSocket, Request } from './socket.ts';
import type { MessageWriter } from './writer.ts';

/** Queueing disciplines: a token bucket for what leaves an interface, and a detour for what comes in. */

const message = layout.tcmsg;
const bucket = layout.tc_tbf_qopt;

/** `ffff:`, the handle of the discipline for what comes in. */
const ingressHandle = 0xffff0000;

/** A token bucket filter (tc-tbf(8)). */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** What may leave at once. */
  readonly burstBytes: number;
  /** What may wait; more is dropped. */
  readonly queueBytes: number;
}

/** The discipline at the root of an interface, or the one for what comes in. */
export interface Qdisc {
  readonly interfaceIndex: number;
  readonly kind: string;
  /** Of a token bucket. */
  readonly bytesPerSecond?: number;
}

function begin(writer: MessageWriter, type: number, interfaceIndex: number, handle: number, parent: number): number {
  const fixed = writer.begin(type, k.NLM_F_REQUEST | k.NLM_F_CREATE | k.NLM_F_REPLACE, message.size);
  writer.setUint32(fixed + message.tcm_ifindex, interfaceIndex);
  writer.setUint32(fixed + message.tcm_handle, handle);
  writer.setUint32(fixed + message.tcm_parent, parent);
  return fixed;
}

/** What leaves the interface passes a token bucket from now on. */
export function setTokenBucket(interfaceIndex: number, rate: TokenBucket): Request {
  return {
    operation: () => `limit interface ${interfaceIndex} to ${rate.bytesPerSecond} bytes a second`,
    encode: (writer) => {
      begin(writer, k.RTM_NEWQDISC, interfaceIndex, 0, k.TC_H_ROOT);
      writer.attributeString(k.TCA_KIND, 'tbf');
      const options = writer.beginNested(k.TCA_OPTIONS);
      const parameters = new DataView(new ArrayBuffer(bucket.size));
      parameters.setUint8(bucket['rate.linklayer'], k.TC_LINKLAYER_ETHERNET);
      parameters.setUint32(bucket['rate.rate'], Math.min(rate.bytesPerSecond, 0xffffffff), true);
      parameters.setUint32(bucket.limit, Math.min(rate.queueBytes, 0xffffffff), true);
      writer.attributeBytes(k.TCA_TBF_PARMS, new Uint8Array(parameters.buffer));
      writer.attributeUint32(k.TCA_TBF_BURST, Math.min(rate.burstBytes, 0xffffffff));
      if (rate.bytesPerSecond > 0xffffffff) {
        const wide = new DataView(new ArrayBuffer(8));
        wide.setBigUint64(0, BigInt(rate.bytesPerSecond), true);
        writer.attributeBytes(k.TCA_TBF_RATE64, new Uint8Array(wide.buffer));
      }
      writer.endNested(options, 0);
    },
  };
}

/** What comes in by an interface leaves by another one first, which puts it back. */
export function redirectIncoming(interfaceIndex: number, byIndex: number): Request[] {
  return [
    {
      operation: () => `make room for a filter of what comes in by interface ${interfaceIndex}`,
      encode: (writer) => {
        begin(writer, k.RTM_NEWQDISC, interfaceIndex, ingressHandle, k.TC_H_INGRESS);
        writer.attributeString(k.TCA_KIND, 'ingress');
      },
    },
    {
      operation: () => `redirect what comes in by interface ${interfaceIndex} to ${byIndex}`,
      encode: (writer) => {
        const fixed = begin(writer, k.RTM_NEWTFILTER, interfaceIndex, 0, ingressHandle);
        // The priority, and in network byte order the protocol.
        writer.setUint32(fixed + message.tcm_info, (1 << 16) | (k.ETH_P_ALL << 8));
        // The one classifier that no kernel lacks; a key with an empty mask matches everything.
        writer.attributeString(k.TCA_KIND, 'u32');
        const options = writer.beginNested(k.TCA_OPTIONS);
        const selector = new Uint8Array(layout.tc_u32_sel.size + layout.tc_u32_key.size);
        selector[layout.tc_u32_sel.flags] = k.TC_U32_TERMINAL;
        selector[layout.tc_u32_sel.nkeys] = 1;
        writer.attributeBytes(k.TCA_U32_SEL, selector);
        const actions = writer.beginNested(k.TCA_U32_ACT);
        // Actions are numbered from 1, in the order in which they are done.
        const first = writer.beginNested(1);
        writer.attributeString(k.TCA_ACT_KIND, 'mirred');
        const action = writer.beginNested(k.TCA_ACT_OPTIONS);
        const mirred = new DataView(new ArrayBuffer(layout.tc_mirred.size));
        mirred.setInt32(layout.tc_mirred.action, k.TC_ACT_STOLEN, true);
        mirred.setInt32(layout.tc_mirred.eaction, k.TCA_EGRESS_REDIR, true);
        mirred.setUint32(layout.tc_mirred.ifindex, byIndex, true);
        writer.attributeBytes(k.TCA_MIRRED_PARMS, new Uint8Array(mirred.buffer));
        writer.endNested(action, 0);
        writer.endNested(first, 0);
        writer.endNested(actions, 0);
        writer.endNested(options, 0);
      },
    },
  ];
}

/** The disciplines of the socket's namespace. */
export function listQdiscs(socket: NetlinkSocket): Result<Qdisc[]> {
  const found: Qdisc[] = [];
  const outcome = socket.dump(
    {
      operation: () => 'list queueing disciplines',
      encode: (writer) => {
        writer.begin(k.RTM_GETQDISC, k.NLM_F_REQUEST, message.size);
      },
    },
    () => {
      found.length = 0;
    },
    ({ type, view, bytes, start, end }) => {
      if (type !== k.RTM_NEWQDISC) return;
      let kind = '';
      let bytesPerSecond: number | undefined;
      forEachAttribute(view, start + message.size, end, (attribute, offset, size) => {
        if (attribute === k.TCA_KIND) kind = readString(bytes, offset, size);
        if (attribute === k.TCA_OPTIONS && kind === 'tbf') {
          forEachAttribute(view, offset, offset + size, (inner, at) => {
            if (inner === k.TCA_TBF_PARMS) bytesPerSecond ??= view.getUint32(at + bucket['rate.rate'], true);
            if (inner === k.TCA_TBF_RATE64) bytesPerSecond = Number(view.getBigUint64(at, true));
          });
        }
      });
      const interfaceIndex = view.getInt32(start + message.tcm_ifindex, true);
      found.push({ interfaceIndex, kind, ...(bytesPerSecond !== undefined && { bytesPerSecond }) });
    },
  );
  return outcome.ok ? { ok: true, value: found } : outcome;
}
