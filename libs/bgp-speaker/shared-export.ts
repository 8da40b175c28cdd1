import { formatAddress } from '@caracal/net';
import type { RouteFamily } from 'bgp-parser';
import { policyOf } from './config.ts';
import type { Peer } from './peer.ts';
import type { Exported } from './policy/export.ts';
import { SharedRules } from './policy/shared-rules.ts';
import { SharedBatches } from './shared-batch.ts';

/** How many routes are told at once: more of them share an UPDATE, fewer let keepalives through sooner. */
export const batchSize = 4096;

/** What peers that are treated alike are told of a group of routes; `encoded`: the attributes for classic IPv4 routes. */
export interface Telling {
  readonly exported: Exported | undefined;
  readonly encoded?: Uint8Array;
}

/** What the advertisers of one speaker share, so that peers that are treated alike cost one judgement and one encoding. */
export class SharedExport {
  readonly rules = new SharedRules();
  readonly #tellings = new Map<string, Map<number, Telling>>();
  readonly #batches = new Map<string, SharedBatches>();

  /** The tellings of a treatment by the key of the group; only while no routes come in, as numbers are given out again. */
  tellingsOf(treatment: string): Map<number, Telling> {
    const known = this.#tellings.get(treatment) ?? new Map<number, Telling>();
    this.#tellings.set(treatment, known);
    return known;
  }

  /** The batches that peers of a treatment were told. */
  batchesOf(treatment: string): SharedBatches {
    const known = this.#batches.get(treatment) ?? new SharedBatches(batchSize);
    this.#batches.set(treatment, known);
    return known;
  }

  /** Routes may come in from now on. What nobody was told of goes: treatments come and go with configurations. */
  forgetTold(): void {
    this.#tellings.clear();
    for (const [treatment, batches] of this.#batches) if (!batches.forget()) this.#batches.delete(treatment);
  }
}

/** All that decides which routes a peer is told and how, but whether they come from it, as text. */
export function treatmentOf(peer: Peer, family: RouteFamily): string {
  const { config, external, negotiated } = peer;
  const own = peer.ownNextHop(family);
  return JSON.stringify([
    family,
    external,
    config.reflectorClient === true,
    config.asOverride ? peer.asNumber : 0,
    config.removePrivateAs === true,
    config.nextHopMode,
    own && formatAddress(own),
    negotiated?.context.fourOctetAs,
    negotiated?.context.extendedNextHop === true,
    negotiated?.context.extendedMessage,
    policyOf(config.exportAction, family),
  ]);
}
