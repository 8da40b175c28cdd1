/** Splits a line of iptables-save into arguments: blanks separate, double quotes group, a backslash takes the next. */
export function splitArguments(line: string): string[] {
  const result: string[] = [];
  let current = '';
  let started = false;
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === '\\' && quoted && i + 1 < line.length) {
      current += line[++i];
    } else if (c === '"') {
      quoted = !quoted;
      started = true;
    } else if (c === ' ' && !quoted) {
      if (started) result.push(current);
      current = '';
      started = false;
    } else {
      current += c;
      started = true;
    }
  }
  if (started) result.push(current);
  return result;
}

/** One argument as iptables-restore reads it: in double quotes when it holds anything but plain characters. */
export function quoteArgument(argument: string): string {
  if (/^[\w!+,./:-]+$/.test(argument)) return argument;
  return `"${argument.replace(/["\\]/g, '\\$&')}"`;
}
