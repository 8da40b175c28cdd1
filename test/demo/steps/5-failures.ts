import { setTimeout as delay } from 'node:timers/promises';
import type { StreamResult } from '../../support/probe/stream.ts';
import { startServer, startStream, tryFlows } from '../../support/probes.ts';
import { type Context, check, ctl, waitFor } from '../context.ts';
import { ports } from '../pods.ts';

/** An agent, then the hub and Postgres go away under running flows; nothing stops, nothing opens, a pod still starts. */
export async function breakThings(context: Context): Promise<void> {
  const { lab, terminal, figures } = context;
  const pods = await lab.pod.list();
  const addressOf = (name: string) => pods.find((pod) => pod.name === name)?.ips[0] ?? '';
  const rhythm = { udpPort: 8080, tcpPort: 8080, intervalMs: 10, newFlowEveryMs: 50 };
  const streams = await Promise.all([
    startStream(lab, 'client', {
      ...rhythm,
      address: addressOf('web'),
      denied: { address: addressOf('api'), port: 8080 },
    }),
    startStream(lab, 'shop/web', {
      ...rhythm,
      address: addressOf('api'),
      denied: { address: addressOf('db'), port: 5432 },
    }),
  ]);
  terminal.passed('two streams run: client → shop/web, shop/web → shop/api (10 ms)');

  await lab.agent('n2').kill();
  terminal.passed('agent of n2 killed (SIGKILL)');
  await delay(500);
  let begun = performance.now();
  await lab.agent('n2').start();
  terminal.passed('agent of n2 started again', performance.now() - begun);

  await Promise.all([lab.hub.kill(), lab.database.kill()]);
  terminal.passed('hub and Postgres killed (SIGKILL)');
  begun = performance.now();
  const late = await lab.pod.add({ namespace: 'shop', name: 'late', node: 'n2', labels: { app: 'api' } });
  terminal.passed(`pod shop/late starts without them: ${late.ips[0]}`, performance.now() - begun);
  const server = await startServer(lab, 'shop/late', ports);
  const toLate = { address: late.ips[0], timeoutMs: 800 } as const;
  const outcomes = await tryFlows(lab, 'shop/late', [
    { protocol: 'TCP', address: addressOf('web'), port: 8080, timeoutMs: 800 },
    { protocol: 'TCP', address: addressOf('api'), port: 8080, timeoutMs: 800 },
  ]);
  const [toIt] = await tryFlows(lab, 'ops/monitor', [{ protocol: 'TCP', ...toLate, port: 9100 }]);
  const [guest] = await tryFlows(lab, 'guest/visitor', [{ protocol: 'TCP', ...toLate, port: 9100 }]);
  check(
    context,
    outcomes[0] === 'answered' && outcomes[1] === 'silent' && toIt === 'answered' && guest === 'silent',
    'its policy holds: what is allowed passes, what is denied does not',
    `to web ${outcomes[0]}, to api ${outcomes[1]}, from monitor ${toIt}, from guest ${guest}`,
  );

  begun = performance.now();
  await lab.database.start();
  await lab.hub.start();
  await waitFor(context, 'shop/late known to the hub', async () => {
    const { code, stdout } = await lab.ctl(['ipam', 'show', '--ip', late.ips[0]]);
    return code === 0 && stdout.includes('late');
  });
  terminal.passed('Postgres and hub are back; what happened meanwhile is reported', performance.now() - begun);
  await waitFor(context, 'every node connected, none behind', async () => {
    const { stdout } = await lab.ctl([
      'policy',
      'explain',
      '--from',
      'shop/web',
      '--to',
      'shop/late',
      '--port',
      '8080',
    ]);
    return stdout.includes('which every node enforces');
  });
  terminal.passed('every node follows the hub again, none is behind', performance.now() - begun);
  await ctl(context, ['ipam', 'check']);
  terminal.passed('caracalctl ipam check finds nothing');
  await delay(300);

  const [client, web] = await Promise.all(streams.map((stream) => stream.stop()));
  await server.stop();
  report(context, 'client → shop/web', client);
  report(context, 'shop/web → shop/api', web);
  figures.push([
    'packets lost meanwhile, of those sent each 10 ms',
    `${lost(client) + lost(web)} of ${sent(client) + sent(web)}`,
  ]);
  figures.push([
    'longest silence of a flow meanwhile',
    `${Math.max(client.udp.longestGapMs, web.udp.longestGapMs)} ms`,
  ]);
}

const lost = (result: StreamResult) => result.udp.lost + result.tcp.lost;
const sent = (result: StreamResult) => result.udp.sent + result.tcp.sent;

function report(context: Context, flow: string, result: StreamResult): void {
  check(
    context,
    lost(result) === 0,
    `${flow}: ${sent(result)} packets, none lost, longest gap ${result.udp.longestGapMs} ms`,
    `${result.udp.lost} UDP and ${result.tcp.lost} TCP packets lost`,
  );
  check(
    context,
    result.newFlows.failed === 0 && result.denied.passed === 0,
    `${result.newFlows.attempts} new connections all opened, ${result.denied.attempts} denied ones none`,
    `${result.newFlows.failed} allowed connections failed, ${result.denied.passed} denied ones got through`,
  );
}
