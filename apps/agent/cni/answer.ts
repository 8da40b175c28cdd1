import type { Logger } from 'pino';
import { answerDelegating } from './answer-delegating.ts';
import { brokenOff } from './broken-off.ts';
import { type CniResult, type NetworkConfiguration, ownIpamTypes, validAttachments } from './configuration-schema.ts';
import { delegate } from './delegate.ts';
import { type CniEnvironment, parseEnvironment } from './environment.ts';
import type { Invocation, Reply } from './frame.ts';
import { answerAsIpam } from './ipam-plugin.ts';
import { parseConfiguration, parseResult } from './network-configuration.ts';
import {
  type AddRequest,
  type AddressPlugin,
  type Attachment,
  type CheckRequest,
  type CniFailure,
  cniErrorCodes,
  type PodIdentity,
  type PodNetwork,
} from './pod-network.ts';
import { emptyReply, formatFailure, formatResult } from './result.ts';
import { sysctlsOf } from './sysctls.ts';
import { type CniVersion, isAtLeast } from './versions.ts';
import { wishesOf } from './wishes.ts';

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
  invocation: Invocation,
  { pods, addresses }: { readonly pods: PodNetwork; readonly addresses: AddressPlugin },
  signal: AbortSignal,
  logger: Logger,
): Promise<Reply> {
  const { environment, stdin } = invocation;
  const configuration = parseConfiguration(stdin, environment.get('CNI_COMMAND'));
  const version = configuration.ok ? configuration.value.cniVersion : configuration.cniVersion;
  const variables = parseEnvironment(environment);
  if (!variables.ok) return refuse(logger, version, variables);
  const { command, containerId, ifname } = variables.value;
  const log = logger.child({ command, container: containerId, interface: ifname });
  if (!configuration.ok) return refuse(log, version, configuration);
  const { value, unknownFields } = configuration;
  if (unknownFields.length > 0 && command === 'ADD') {
    log.warn({ network: value.name, fields: unknownFields }, 'unknown fields in the network configuration are ignored');
  }
  const since = firstVersionOf[command];
  if (since && !isAtLeast(value.cniVersion, since)) {
    const message = `cniVersion ${version} has no ${command}, which came with ${since}`;
    return refuse(log, version, { ok: false, code: cniErrorCodes.incompatibleVersion, message });
  }
  try {
    if (environment.get('CARACAL_PLUGIN') === 'caracal-ipam') {
      const reply = await answerAsIpam(variables.value, value, addresses, signal);
      return 'ok' in reply ? refuse(log, version, reply) : reply;
    }
    if (!value.ipam || ownIpamTypes.includes(value.ipam.type)) {
      return await carryOut(variables.value, value, pods, signal, log);
    }
    const { type } = value.ipam;
    if (type === 'dhcp') {
      // What no ADD has made there is nothing of to ask it for.
      if (command !== 'ADD') return await carryOut(variables.value, value, pods, signal, log);
      const message =
        'network configuration: ipam.type: dhcp asks on the link of the interface, and ours is a routed one without a server: use it under bridge or macvlan';
      return refuse(log, version, { ok: false, code: cniErrorCodes.invalidNetworkConfig, message });
    }
    const carriedOut = (given?: readonly string[]) => carryOut(variables.value, value, pods, signal, log, given);
    // An ADD alone is broken off; what undoes it is not.
    const executed = (as: string) =>
      delegate(type, as, invocation, variables.value.path, as === 'ADD' ? signal : undefined);
    return await answerDelegating(command, executed, carriedOut, (failure) => refuse(log, version, failure));
  } catch (error) {
    const late = brokenOff(signal);
    if (late) return refuse(log, version, late);
    log.error({ err: error }, 'a CNI request failed unexpectedly');
    const details = error instanceof Error ? error.message : String(error);
    const message = `${command} failed unexpectedly; see the log of the agent`;
    return formatFailure(version, { ok: false, code: cniErrorCodes.tryAgainLater, message, details });
  }
}

async function carryOut(
  environment: CniEnvironment,
  configuration: NetworkConfiguration,
  pods: PodNetwork,
  signal: AbortSignal,
  log: Logger,
  given?: readonly string[],
): Promise<Reply> {
  const { command, containerId, ifname, netns = '' } = environment;
  const version = configuration.cniVersion;
  const attachment: Attachment = { containerId, ifname, network: configuration.name };
  switch (command) {
    case 'ADD': {
      const before = previousResult(configuration);
      if (before && !before.ok) return refuse(log, version, before);
      const request: AddRequest = {
        ...attachment,
        netns,
        pod: identify(environment, configuration),
        // 0 is the node's choice.
        mtu: configuration.mtu || undefined,
        ...(configuration.num_queues && { queues: configuration.num_queues }),
        ...(given && { given }),
        ...wishesOf(configuration, environment),
        ...(configuration.sysctl && { sysctls: sysctlsOf(configuration.sysctl, ifname) }),
        forwarding: configuration.container_settings?.allow_ip_forwarding ?? false,
      };
      const added = await pods.add(request, signal);
      if (!added.ok) return refuse(log, version, added);
      return formatResult({ version, before: before?.result, dns: dnsOf(configuration) }, request, added);
    }
    case 'DEL': {
      const deleted = await pods.del({ ...attachment, netns: environment.netns });
      return deleted.ok ? emptyReply : refuse(log, version, deleted);
    }
    case 'CHECK': {
      const before = previousResult(configuration);
      if (!before?.ok) return refuse(log, version, before ?? missing('prevResult', 'the result of ADD'));
      const sysctls = sysctlsOf(configuration.sysctl ?? {}, ifname);
      const expected = { ...expectedOf(before.result, ifname, netns), sysctls };
      const checked = await pods.check({ ...attachment, netns, expected });
      return checked.ok ? emptyReply : refuse(log, version, checked);
    }
    case 'STATUS': {
      const status = pods.status();
      return status.ok ? emptyReply : refuse(log, version, status);
    }
    case 'GC': {
      const attachments = validAttachments(configuration);
      if (!attachments) return refuse(log, version, missing('cni.dev/valid-attachments', 'what must not be removed'));
      const collected = await pods.collectGarbage(configuration.name, attachments);
      return collected.ok ? emptyReply : refuse(log, version, collected);
    }
  }
}

function previousResult({ prevResult }: NetworkConfiguration): ReturnType<typeof parseResult> | undefined {
  return prevResult === undefined || prevResult === null ? undefined : parseResult(prevResult, 'prevResult');
}

function missing(field: string, what: string): CniFailure {
  const message = `network configuration: ${field}: is missing, and without it nobody knows ${what}`;
  return { ok: false, code: cniErrorCodes.invalidNetworkConfig, message };
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
    annotations: configuration.runtimeConfig?.['io.kubernetes.cri.pod-annotations'] ?? {},
  };
}

/** The configuration's `dns`, under what the runtime says by its capability. */
function dnsOf({ dns, runtimeConfig }: NetworkConfiguration): object {
  const { servers, searches, options } = runtimeConfig?.dns ?? {};
  return {
    ...dns,
    ...(servers && { nameservers: servers }),
    ...(searches && { search: searches }),
    ...(options && { options }),
  };
}

/** What a result says of one interface of the container. */
function expectedOf(result: CniResult, ifname: string, netns: string): CheckRequest['expected'] {
  const isOurs = (name: string, sandbox?: string) => name === ifname && (!sandbox || sandbox === netns);
  const own = result.interfaces.find(({ name, sandbox }) => sandbox && isOurs(name, sandbox));
  const isOwn = ({ interface: index }: CniResult['ips'][number]) => {
    const target = index === undefined || index === null ? undefined : result.interfaces[index];
    return !target || isOurs(target.name, target.sandbox);
  };
  const addresses = result.ips.filter(isOwn).map(({ address }) => address.split('/')[0]);
  const gateways = result.ips.filter(isOwn).map(({ gateway }) => gateway);
  const defaultRoutes = result.routes.flatMap(({ dst, gw }) =>
    ['0.0.0.0/0', '::/0'].includes(dst) && gw && gateways.includes(gw) ? [gw] : [],
  );
  return { addresses, defaultRoutes, mac: own?.mac?.toLowerCase(), mtu: own?.mtu };
}
