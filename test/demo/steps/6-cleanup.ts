import { type Context, check, ctl, exec, waitFor } from '../context.ts';

/** Pods go, their addresses come back, nothing of them is left on the nodes. */
export async function removePods(context: Context): Promise<void> {
  const { lab, terminal, figures } = context;
  const pods = await lab.pod.list();
  const took: number[] = [];
  for (const { namespace, name } of pods) {
    const begun = performance.now();
    await lab.pod.remove(`${namespace}/${name}`);
    took.push(performance.now() - begun);
  }
  figures.push(['pod removed (CNI DEL and namespace)', `${Math.round(took.toSorted((a, b) => a - b)[3])} ms`]);
  terminal.passed(`${pods.length} pods removed`);

  const blocks = await waitFor(context, 'no address in use', async () => {
    const answer = JSON.parse(await ctl(context, ['ipam', 'show', '--blocks', '-o', 'json'])) as {
      blocks: Array<{ used: number }>;
    };
    return answer.blocks.every((block) => block.used === 0) && answer.blocks;
  });
  terminal.command('caracalctl ipam show --blocks', await ctl(context, ['ipam', 'show', '--blocks']));
  check(context, blocks.length > 0, 'every address has come back', 'there is no block');
  const links = await Promise.all(lab.topology.nodeList.map((node) => exec(context, node.name, 'ip', '-br', 'link')));
  check(context, !links.join().includes('cara'), 'no interface of a pod is left on any node', links.join());
}
