import { type NetworkConfiguration, validAttachments } from './configuration-schema.ts';
import type { CniEnvironment } from './environment.ts';
import type { Reply } from './frame.ts';
import {
  type AddressPlugin,
  type Attachment,
  type CniFailure,
  cniErrorCodes,
  type PlainAddress,
} from './pod-network.ts';
import { emptyReply, formatAddress } from './result.ts';
import { wishesOf } from './wishes.ts';

/**
 * Answers as `caracal-ipam`, which an interface plugin executes (specification 1.1.0, section 4): the result has neither interfaces nor
 * their indices.
 */
export async function answerAsIpam(
  environment: CniEnvironment,
  configuration: NetworkConfiguration,
  addresses: AddressPlugin,
  signal: AbortSignal,
): Promise<Reply | CniFailure> {
  const { command, containerId, ifname, netns, args } = environment;
  const attachment: Attachment = { containerId, ifname, network: configuration.name };
  switch (command) {
    case 'ADD': {
      const { wanted } = wishesOf(configuration, environment);
      const namespace = args.get('K8S_POD_NAMESPACE') || 'default';
      const name = args.get('K8S_POD_NAME') || undefined;
      const assigned = await addresses.assign({ ...attachment, netns, namespace, name, wanted }, signal);
      return assigned.ok ? print(configuration, assigned.addresses) : assigned;
    }
    case 'DEL':
      return silently(await addresses.release(attachment));
    case 'CHECK':
      return silently(addresses.check(attachment));
    case 'STATUS':
      return silently(addresses.status());
    case 'GC': {
      const attachments = validAttachments(configuration);
      if (!attachments) {
        const message = 'network configuration: cni.dev/valid-attachments: is missing';
        return { ok: false, code: cniErrorCodes.invalidNetworkConfig, message };
      }
      return silently(await addresses.collectGarbage(configuration.name, attachments));
    }
  }
}

const silently = (outcome: { readonly ok: true } | CniFailure): Reply | CniFailure =>
  outcome.ok ? emptyReply : outcome;

function print({ cniVersion, ipam, dns }: NetworkConfiguration, addresses: readonly PlainAddress[]): Reply {
  const ips = addresses.map(({ gateway, ...each }) => ({
    ...formatAddress(cniVersion, each),
    ...(gateway && { gateway }),
  }));
  // Which destinations go by this interface the configuration may say, as with host-local; everything, when it does not.
  const everything = addresses.map(({ address }) => ({ dst: address.includes(':') ? '::/0' : '0.0.0.0/0' }));
  const result = { cniVersion, ips, routes: ipam?.routes ?? everything, dns: dns ?? {} };
  return { exitCode: 0, stdout: `${JSON.stringify(result)}\n` };
}
