import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NodeService } from '@caracal/protocol';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { AgentConfig } from '../config.ts';
import { publicKeyIn } from './enrol.ts';
import { replaceFile } from './files.ts';

export interface RenewalOptions {
  readonly hub: Pick<AgentConfig['hub'], 'cert' | 'key'>;
  /** Asks any hub. */
  ask<T>(question: (client: Client<typeof NodeService>) => Promise<T>): Promise<T>;
  readonly logger: Logger;
}

/** Clocks are wrong and machines sleep: looked at so often, whatever the certificate says. */
const lookEveryMs = 3_600_000;
const tryAgainMs = 60_000;

/**
 * Has a hub sign the node's key again in the last third of its certificate's life. The key stays, so that the certificate alone is
 * replaced, at once; whoever connects to a hub reads it then. Hubs that sign nothing are not asked again: somebody else renews it.
 */
export function keepCertificate({ hub, ask, logger }: RenewalOptions): { stop(): void } {
  const { cert, key } = hub;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function look(): Promise<void> {
    let nextMs: number | undefined = lookEveryMs;
    if (cert && key && isDue(readFileSync(cert), Date.now())) nextMs = await renew(cert, key);
    if (nextMs !== undefined && !stopped) timer = setTimeout(() => void look(), nextMs).unref();
  }

  async function renew(cert: string, key: string): Promise<number | undefined> {
    try {
      const { certificate } = await ask((client) =>
        client.certify({ publicKey: publicKeyIn(key) }, { timeoutMs: 10_000 }),
      );
      replaceFile(cert, certificate, 0o644);
      logger.info({ until: new X509Certificate(certificate).validTo }, "the node's certificate was renewed");
      return lookEveryMs;
    } catch (error) {
      const until = new X509Certificate(readFileSync(cert)).validTo;
      logger.warn({ until, reason: String(error) }, "the node's certificate could not be renewed");
      return error instanceof ConnectError && error.code === Code.Unimplemented ? undefined : tryAgainMs;
    }
  }

  if (cert && key) void look();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Whether the last third of a certificate's life has begun. */
function isDue(certificate: Buffer, now: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  const life = validToDate.getTime() - validFromDate.getTime();
  return validToDate.getTime() - now < life / 3;
}
