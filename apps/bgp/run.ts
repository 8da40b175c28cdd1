import { Speaker, type SpeakerConfig } from '@caracal/bgp-speaker';
import { parsePrefix } from '@caracal/net';
import { openRouteSocket } from '@caracal/netlink';
import type { Logger } from 'pino';
import { createBfd } from './bfd/service.ts';
import { type ParsedConfig, parseConfig } from './config.ts';
import { configurationFile } from './configuration-file.ts';
import { startControlServer } from './control-server.ts';
import { KernelRoutes } from './kernel-routes.ts';
import { LinkRouters } from './link-routers.ts';
import { localAddresses } from './local-addresses.ts';
import { processMemory } from './process-memory.ts';
import type { Reply, Request } from './protocol.ts';
import { openRunMark } from './run-mark.ts';
import { openStateFile } from './state-file.ts';
import { createTcp } from './tcp.ts';
import { protectionsOf } from './tcp-protection.ts';

export interface RunOptions {
  readonly socket: string;
  /** Fed over the socket, with the last configuration kept in a file; or fed by a YAML file of resources. */
  readonly source: { readonly state: string } | { readonly config: string; readonly routerId?: string };
  /** Write best routes to the kernel. */
  readonly kernel: boolean;
}

/** Routes of an earlier run are kept this long when a peer does not come back (RFC 4724's restart time is like it). */
const staleRoutesMs = 120_000;
const repairMs = 30_000;

export interface Running {
  /** Reads the configuration file again, if there is one. */
  reload(): void;
  /** Leaves for good: a Cease to the peers, our routes out of the kernel. */
  stop(): Promise<void>;
  /** Ends so that another run goes on (RFC 4724): no word to the peers that help, our routes stay in the kernel. */
  suspend(): Promise<void>;
}

/** Makes the parts of caracal-bgp, connects and starts them. */
export async function run(options: RunOptions, logger: Logger): Promise<Running> {
  const log = (message: string, fields: Readonly<Record<string, unknown>>) => logger.info(fields, message);
  const state = 'state' in options.source ? openStateFile(options.source.state) : undefined;
  const file = 'config' in options.source ? configurationFile(options.source.config, options.source) : undefined;
  // What may keep it from starting comes before anything that others see.
  const first = file?.read();
  if (first && !first.ok) throw new Error(first.message);
  // It asks for the speaker when somebody connects: not before the next turn of the event loop.
  const control = await startControlServer(options.socket, { status: () => speaker.status(), handle });
  const mark = openRunMark(`${options.socket}.mark`);
  const kernel = options.kernel ? new KernelRoutes(openRouteSocket(), log) : undefined;
  const links = new LinkRouters(openRouteSocket(), log);
  const tcp = createTcp((connection) => speaker.accept(connection), log);
  let swept = false;
  /** The peers that the mark names. */
  let marked: readonly string[] | undefined;
  let leaving = false;

  const speaker = new Speaker({
    clock: {
      now: Date.now,
      monotonic: () => performance.now(),
      after: (milliseconds, runs) => {
        const timer = setTimeout(runs, milliseconds);
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (runs) => void setImmediate(runs),
    },
    transport: tcp,
    random: Math.random,
    bfd: createBfd(log),
    localAddresses,
    routerOn: (name) => links.routerOn(name),
    routes: kernel,
    restarted: mark.earlier,
    onChange,
    log,
  });

  function onChange(): void {
    if (leaving) return;
    control.changed();
    sweepWhenComplete();
    // Until the peers of before are back they are the ones to wait for, should this run crash too.
    if (speaker.restarting || marked === speaker.established) return;
    marked = speaker.established;
    mark.update(marked);
  }

  /** Stale kernel routes go when every peer has sent all that it has, and that has been decided on. */
  function sweepWhenComplete(): void {
    if (swept || !kernel || !speaker.config || speaker.awaited().length > 0) return;
    if (speaker.settled) sweep();
    else setImmediate(sweepWhenComplete);
  }
  function sweep(): void {
    if (!swept) kernel?.sweep();
    swept = true;
  }

  function apply(config: SpeakerConfig): void {
    kernel?.configure(config.kernel);
    tcp.protect(protectionsOf(config.peers));
    links.configure(config.peers.map((peer) => peer.interface).filter((name) => name !== undefined));
    speaker.configure(config);
    tcp.listen(config.listenAddresses ?? ['0.0.0.0', '::'], config.listenPort);
  }

  function handle(request: Request): Answer {
    if (request.type === 'show') return show(speaker, request, kernel);
    if (request.type === 'plan') return plan(speaker, file ? file.parse(request.text) : parseJson(request.text));
    if (!state) return { type: 'error', message: 'this caracal-bgp is configured by a file' };
    const parsed = parseConfig(request.config);
    if (!parsed.ok) {
      logger.error({ problem: parsed.message }, 'refused a configuration');
      return { type: 'error', message: parsed.message };
    }
    state.write(parsed.config);
    apply(parsed.config);
    return { type: 'status', peers: speaker.status() };
  }

  const reload = () => {
    const read = file?.read();
    if (read?.ok) apply(read.config);
    else if (read) logger.error({ problem: read.message }, 'the configuration file is wrong; what runs goes on');
  };

  const stored = first?.ok ? first.config : state?.read();
  if (stored && 'message' in stored) logger.error(stored, 'the stored configuration cannot be used');
  else if (stored) apply(stored);
  const watcher = file?.watch(reload);
  const staleTimer = setTimeout(sweep, staleRoutesMs);
  const repairTimer = setInterval(() => kernel?.repair(), repairMs);
  logger.info({ socket: options.socket, kernel: options.kernel }, 'ready');

  const end = async (sayGoodbye: () => void) => {
    leaving = true;
    watcher?.close();
    clearTimeout(staleTimer);
    clearInterval(repairTimer);
    links.stop();
    control.close();
    sayGoodbye();
    await tcp.close();
  };
  return {
    reload,
    stop: () =>
      end(() => {
        speaker.stop();
        kernel?.remove();
        mark.remove();
      }),
    suspend: () =>
      end(() => {
        kernel?.freeze();
        speaker.abandon();
      }),
  };
}

type Answer = Reply | Iterable<Reply | undefined>;

function show(speaker: Speaker, request: Extract<Request, { type: 'show' }>, kernel: KernelRoutes | undefined): Answer {
  const { what, peer, why } = request;
  if (what === 'memory') return { type: 'table', what, rows: [...speaker.memory(), ...processMemory(kernel)] };
  if (what === 'attributes') return showAttributes(speaker, request);
  if (what === 'peers') return { type: 'table', what, rows: speaker.status(), ranges: speaker.ranges() };
  if (what === 'routes') return { type: 'table', what, rows: speaker.routes(undefined, why) ?? [] };
  if (peer === undefined) return { type: 'error', message: `show ${what} needs the name of a peer` };
  const rows = what === 'received' ? speaker.routes(peer) : speaker.advertised(peer);
  if (rows) return { type: 'table', what, rows };
  return noSuchPeer(speaker, peer);
}

function plan(speaker: Speaker, parsed: ParsedConfig): Answer {
  if (!parsed.ok) return { type: 'error', message: parsed.message };
  const steps = speaker.plan(parsed.config);
  if (!steps) return { type: 'error', message: 'there is no configuration yet that could change' };
  return (function* (): Iterable<Reply | undefined> {
    for (const rows of steps) yield rows.length > 0 ? { type: 'part', rows } : undefined;
    yield { type: 'planned' };
  })();
}

/** A configuration as the agent sends it and as the state file holds it. */
function parseJson(text: string): ParsedConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ok: false, message: `this caracal-bgp is fed over its socket, and is planned for as JSON: ${problem}` };
  }
  return parseConfig(value);
}

function showAttributes(speaker: Speaker, { peer, prefix }: Extract<Request, { type: 'show' }>): Answer {
  const within = prefix === undefined ? undefined : parsePrefix(prefix);
  if (prefix !== undefined && !within) {
    const message = `${prefix} is no prefix such as 10.0.0.0/24 (no bits beyond its length)`;
    return { type: 'error', message };
  }
  const steps = speaker.attributes(peer, within);
  if (!steps) return noSuchPeer(speaker, peer ?? '');
  return (function* (): Iterable<Reply | undefined> {
    for (const rows of steps) yield rows.length > 0 ? { type: 'part', rows } : undefined;
    yield { type: 'table', what: 'attributes', rows: [] };
  })();
}

function noSuchPeer(speaker: Speaker, peer: string): Reply {
  const names = speaker.status().map((status) => status.name);
  return { type: 'error', message: `there is no peer ${peer}; there are: ${names.join(', ') || 'none'}` };
}
