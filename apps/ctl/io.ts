/** What a command has of the world around it; tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Whether standard output is a terminal that wants colours. */
  readonly colours: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly readStdin: () => Promise<string>;
}

/** What a process of caracalctl ends with. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Ends the command with an exit code and a message for standard error that says what to do next. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = exitCodes.refused) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command was called in a way that cannot mean anything. */
export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
