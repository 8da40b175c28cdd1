import type { Logger } from 'pino';
import { type CniEnvironment, parseEnvironment } from './environment.ts';
import type { Invocation, Reply } from './frame.ts';
import {
  type CniVersion,
  isAtLeast,
  type NetworkConfiguration,
  type PrevResult,
  parseConfiguration,
} from './network-configuration.ts';
import {
  type AddRequest,
  type Attachment,
  type CniFailure,
  cniErrorCodes,
  type PodIdentity,
  type PodNetwork,
} from './pod-network.ts';
import { emptyReply, formatFailure, formatResult } from './result.ts';

/** The version of the specification that brought an operation, where it is not the oldest that we know. */
const firstVersionOf: Partial<Record<CniEnvironment['command'], CniVersion>> = {
  CHECK: '0.4.0',
  STATUS: '1.1.0',
  GC: '1.1.0',
};

/**
 * Answers one invocation of the CNI executable: reads environment and configuration, asks the pod network, writes the
 * result or the error. Never rejects.
 */
export async function answerInvocation(
  { environment, stdin }: Invocation,
  pods: PodNetwork,
  signal: AbortSignal,
  logger: Logger,
): Promise<Reply> {
  const variables = parseEnvironment(environment);
  if (!variables.ok) return refuse(logger, undefined, variables);
  const { command, containerId, ifname } = variables.value;
  const log = logger.child({ command, container: containerId, interface: ifname });
  const configuration = parseConfiguration(stdin);
  if (!configuration.ok) return refuse(log, configuration.cniVersion, configuration);
  const { value, unknownFields } = configuration;
  if (unknownFields.length > 0 && command === 'ADD') {
    log.warn({ network: value.name, fields: unknownFields }, 'unknown fields in the network configuration are ignored');
  }
  if (environment.get('CARACAL_PLUGIN') === 'caracal-ipam') {
    const message = 'ipam.type "caracal-ipam": only under the interface plugin "caracal" so far';
    return refuse(log, value.cniVersion, { ok: false, code: cniErrorCodes.unsupportedField, message });
  }
  try {
    return await carryOut(variables.value, value, pods, signal, log);
  } catch (error) {
    log.error({ err: error }, 'a CNI request failed unexpectedly');
    const details = error instanceof Error ? error.message : String(error);
    const message = `${command} failed unexpectedly; see the log of the agent`;
    return formatFailure(value.cniVersion, { ok: false, code: cniErrorCodes.tryAgainLater, message, details });
  }
}

async function carryOut(
  environment: CniEnvironment,
  configuration: NetworkConfiguration,
  pods: PodNetwork,
  signal: AbortSignal,
  log: Logger,
): Promise<Reply> {
  const { command, containerId, ifname, netns = '' } = environment;
  const version = configuration.cniVersion;
  const attachment: Attachment = { containerId, ifname, network: configuration.name };
  const since = firstVersionOf[command];
  if (since && !isAtLeast(version, since)) {
    const message = `cniVersion ${version} has no ${command}, which came with ${since}`;
    return refuse(log, version, { ok: false, code: cniErrorCodes.incompatibleVersion, message });
  }
  switch (command) {
    case 'ADD': {
      if (configuration.prevResult) {
        const message = 'prevResult: "caracal" makes the interface, so it must be the first plugin of its chain';
        return refuse(log, version, { ok: false, code: cniErrorCodes.invalidNetworkConfig, message });
      }
      const pod = identify(environment, configuration);
      const request: AddRequest = { ...attachment, netns, pod, mtu: configuration.mtu };
      const added = await pods.add(request, signal);
      return added.ok ? formatResult(version, request, added) : refuse(log, version, added);
    }
    case 'DEL': {
      const deleted = await pods.del({ ...attachment, netns: environment.netns });
      return deleted.ok ? emptyReply : refuse(log, version, deleted);
    }
    case 'CHECK': {
      const expectedAddresses = addressesOf(configuration.prevResult, ifname);
      const checked = await pods.check({ ...attachment, netns, expectedAddresses });
      return checked.ok ? emptyReply : refuse(log, version, checked);
    }
    case 'STATUS': {
      const status = pods.status();
      return status.ok ? emptyReply : refuse(log, version, status);
    }
    case 'GC': {
      const valid = configuration['cni.dev/valid-attachments'];
      if (!valid) {
        const message = 'GC: cni.dev/valid-attachments is missing, and without it nothing may be removed';
        return refuse(log, version, { ok: false, code: cniErrorCodes.invalidNetworkConfig, message });
      }
      const attachments = valid.map(({ containerID, ifname }) => ({ containerId: containerID, ifname }));
      const collected = await pods.collectGarbage(configuration.name, attachments);
      return collected.ok ? emptyReply : refuse(log, version, collected);
    }
  }
}

function refuse(log: Logger, version: string | undefined, failure: CniFailure): Reply {
  log.warn({ code: failure.code, details: failure.details }, failure.message);
  return formatFailure(version, failure);
}

/** Who the pod is: as Kubernetes' runtimes say it in CNI_ARGS; else the container itself. */
function identify({ args, containerId }: CniEnvironment, configuration: NetworkConfiguration): PodIdentity {
  const labels = (configuration.args?.cni?.labels ?? []).map(({ key, value }) => [key, value]);
  return {
    namespace: args.get('K8S_POD_NAMESPACE') || 'default',
    name: args.get('K8S_POD_NAME') || containerId,
    uid: args.get('K8S_POD_UID') || undefined,
    labels: Object.fromEntries(labels),
  };
}

/** The addresses, without prefix length, that the result of ADD gives the interface. */
function addressesOf(result: PrevResult | undefined, ifname: string): string[] {
  if (!result) return [];
  return result.ips
    .filter(({ interface: index }) => index === undefined || result.interfaces[index]?.name === ifname)
    .map(({ address }) => address.split('/')[0]);
}
