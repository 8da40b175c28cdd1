import { objectName } from '@caracal/api';
import { protocolWords } from './conditions.ts';
import type { Decision, Explanation, Flow, PolicyReference, ResolvedEnd } from './types.ts';

const width = 80;

/** An explanation for people, at most 80 columns wide (a word that is longer stands alone). No newline at the end. */
export function formatExplanation(explanation: Explanation): string {
  const { flow, source, destination, allowed, egress, ingress } = explanation;
  const title = `${flowWords(flow)} from ${endWords(source)} to ${endWords(destination)}`;
  return [
    ...wrap(`${title}: ${allowed ? 'allowed' : 'DENIED'}`, 0),
    ...decisionLines(egress, source),
    ...decisionLines(ingress, destination),
  ].join('\n');
}

function decisionLines(decision: Decision, end: ResolvedEnd): string[] {
  const { direction, allowed, reason, nearest } = decision;
  const lines = wrap(
    `${direction} of ${end.pod ?? end.address}: ${allowed ? 'allowed' : 'DENIED'} – ${reasonWords(reason, direction)}`,
    2,
  );
  if (allowed) return lines;
  if (!nearest) return [...lines, ...wrap('no rule that was tried could have allowed it', 4)];
  const { policy, rule, action, tier, missed } = nearest;
  const name = `${policyWords(policy)} ${direction}[${rule}] (${action}, tier ${tier})`;
  lines.push(...wrap(`nearest rule: ${name}; ${missed.length} condition${missed.length === 1 ? '' : 's'} missed:`, 4));
  for (const miss of missed) lines.push(...wrap(`- ${miss}`, 6));
  return lines;
}

function reasonWords(reason: Decision['reason'], direction: string): string {
  switch (reason.type) {
    case 'rule':
      return `by ${policyWords(reason.policy)} ${direction}[${reason.rule}] (${reason.action}, tier ${reason.tier})`;
    case 'tierDefault':
      return `by the default action of tier ${reason.tier}: no rule matched of ${reason.policies.map(policyWords).join(', ')}`;
    case 'passed':
      return `every tier passed it on (${reason.tiers.join(', ')})`;
    case 'notSelected':
      return `no policy selects the pod for ${direction}`;
    case 'notAPod':
      return 'not a pod, no policy applies';
    case 'host':
      return `${reason.node} runs the pod, and a node always reaches its own pods`;
    case 'itself':
      return 'the pod talks to itself';
    case 'unreadable':
      return `${policyWords(reason.policy)} (tier ${reason.tier}) cannot be read, so it denies all: ${reason.message}`;
  }
}

function policyWords({ kind, namespace, name }: PolicyReference): string {
  return objectName(kind, { name, namespace });
}

function endWords({ pod, address }: ResolvedEnd): string {
  return pod ? `${pod} (${address})` : address;
}

function flowWords({ protocol, port, icmp }: Flow): string {
  const name = typeof protocol === 'number' ? protocolWords(protocol) : protocol.toUpperCase();
  if (icmp) return `${name} type ${icmp.type}${icmp.code === undefined ? '' : ` code ${icmp.code}`}`;
  return port === undefined ? name : `${name} port ${port}`;
}

/** Lines of at most 80 columns, indented; the second and later ones by two more. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ' '.repeat(indent + 2);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
