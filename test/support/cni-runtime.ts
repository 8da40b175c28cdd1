// A container runtime for tests, as libcni does it (specification 1.1.0, section 3): a list of plugins is executed in order for ADD,
// each with the result of the one before, and in reverse for DEL, each with the last result.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from './netns.ts';
import { runPlugin } from './run-plugin.ts';

export type PluginConfiguration = Readonly<Record<string, unknown>> & { readonly type: string };

export interface NetworkList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConfiguration[];
}

export interface Container {
  readonly id: string;
  readonly netns: string;
  readonly ifname?: string;
  readonly args?: string;
  /** Capability arguments: each plugin gets those that its `capabilities` name. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

export interface ChainResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac?: string; sandbox?: string }[];
  readonly ips: readonly { address: string; gateway?: string; interface?: number }[];
  readonly routes?: readonly { dst: string; gw?: string }[];
}

export interface CniRuntime {
  /** The final result; rejects with CniError when a plugin fails, without a DEL. */
  add(list: NetworkList, container: Container): Promise<ChainResult>;
  del(list: NetworkList, container: Container, result?: ChainResult): Promise<void>;
  check(list: NetworkList, container: Container, result: ChainResult): Promise<void>;
  gc(list: NetworkList, valid: readonly { containerID: string; ifname: string }[]): Promise<void>;
  /** One plugin, as it is. */
  execute(command: string, type: string, configuration: object, container?: Container): Promise<unknown>;
}

class CniError extends Error {
  readonly plugin: string;
  readonly code: number | undefined;
  readonly stderr: string;
  constructor(plugin: string, command: string, stdout: string, stderr: string) {
    super(`${command} by ${plugin}: ${stdout}${stderr}`);
    this.plugin = plugin;
    this.code = Number(/"code": ?(\d+)/.exec(stdout)?.[1]) || undefined;
    this.stderr = stderr;
  }
}

/** A runtime in the namespace of a node, which looks for plugins in these folders. */
export function createCniRuntime(node: Pick<Netns, 'path'>, folders: readonly string[]): CniRuntime {
  async function execute(
    command: string,
    type: string,
    configuration: object,
    container?: Container,
  ): Promise<unknown> {
    const folder = folders.find((each) => existsSync(join(each, type)));
    if (!folder) throw new Error(`no plugin ${type} in ${folders}`);
    const attachment = container && {
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.netns,
      CNI_IFNAME: container.ifname ?? 'eth0',
      CNI_ARGS: container.args ?? 'IgnoreUnknown=1',
    };
    const { exitCode, stdout, stderr } = await runPlugin(
      ['nsenter', `--net=${node.path}`, '--', join(folder, type)],
      { CNI_COMMAND: command, CNI_PATH: folders.join(':'), ...attachment },
      JSON.stringify(configuration),
    );
    if (exitCode !== 0) throw new CniError(type, command, stdout, stderr);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  }

  /** Section 3, "Deriving request configuration from plugin configuration". */
  function derive(list: NetworkList, plugin: PluginConfiguration, container: Container, prevResult?: unknown): object {
    const { capabilities = {}, ...rest } = plugin as PluginConfiguration & { capabilities?: Record<string, boolean> };
    const granted = Object.entries(container.capabilities ?? {}).filter(([name]) => capabilities[name]);
    return {
      ...rest,
      cniVersion: list.cniVersion,
      name: list.name,
      ...(granted.length > 0 && { runtimeConfig: Object.fromEntries(granted) }),
      ...(prevResult !== undefined && { prevResult }),
    };
  }

  return {
    execute,
    add: async (list, container) => {
      let result: unknown;
      for (const plugin of list.plugins) {
        result = await execute('ADD', plugin.type, derive(list, plugin, container, result), container);
      }
      return result as ChainResult; // of ADD, which prints one
    },
    del: async (list, container, result) => {
      for (const plugin of list.plugins.toReversed()) {
        await execute('DEL', plugin.type, derive(list, plugin, container, result), container);
      }
    },
    check: async (list, container, result) => {
      for (const plugin of list.plugins) {
        await execute('CHECK', plugin.type, derive(list, plugin, container, result), container);
      }
    },
    gc: async (list, valid) => {
      for (const plugin of list.plugins) {
        const { capabilities: _capabilities, ...rest } = plugin;
        const configuration = { ...rest, cniVersion: list.cniVersion, name: list.name };
        await execute('GC', plugin.type, { ...configuration, 'cni.dev/valid-attachments': valid });
      }
    },
  };
}
