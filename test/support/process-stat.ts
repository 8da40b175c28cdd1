/** What is read of /proc/PID/stat (proc(5)). */
export interface ProcessStat {
  /** At most 15 bytes. */
  readonly name: string;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks of user and system: 1/100 s each. */
  readonly cpuTicks: number;
  /** Clock ticks after boot: with its pid a process' identity, as pids are used again. */
  readonly startTime: string;
  /** A zombie. A main thread can be one while others still end: until they have, the process' sockets are open. */
  readonly gone: boolean;
}

/** Of the text of the file; undefined for that of a process that is not there, which is empty. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // The second field is the command's name in parentheses and may hold anything, parentheses too.
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  /** As proc(5) counts them. */
  const field = (number: number) => fields[number - 3];
  if (fields.length < 20) return undefined;
  return {
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    parent: Number(field(4)),
    session: Number(field(6)),
    cpuTicks: Number(field(14)) + Number(field(15)),
    startTime: field(22),
    gone: field(3) === 'X' || (field(3) === 'Z' && Number(field(20)) <= 1),
  };
}
