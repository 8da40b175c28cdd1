import { readdirSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Invocation, parseFrame, type Reply } from './frame.ts';
import { cniErrorCodes } from './pod-network.ts';

/** The DELs that the CNI executable left while no agent answered. */
export interface Spool {
  /**
   * Carries out what is spooled, oldest first. One that fails stays for the next time; one that cannot be read, or that is no
   * valid request, is set aside. Cheap when there is nothing. Never rejects.
   */
  drain(): Promise<void>;
}

const suffix = '.del';
/** The executable writes under this name first. */
const unfinishedSuffix = '.tmp';
/** By then whoever wrote it was killed: its runtime has not been told that the DEL succeeded, and asks again. */
const unfinishedForMs = 60_000;
/** What no later time mends: the request itself is at fault. */
const hopeless = [cniErrorCodes.incompatibleVersion, cniErrorCodes.invalidEnvironment, cniErrorCodes.decodingFailure];

/** `carryOut` answers an invocation as if the executable had just sent it. */
export function openSpool(
  directory: string,
  carryOut: (invocation: Invocation) => Promise<Reply>,
  logger: Logger,
): Spool {
  let draining: Promise<void> | undefined;
  /** The folder's time when nothing was in it, in nanoseconds: while it is the same, nothing has come. */
  let emptyAt: bigint | undefined;

  function spooled(): string[] {
    const changedAt = timeOf(directory);
    // Nobody has spooled yet, or not since.
    if (changedAt === undefined || changedAt === emptyAt) return [];
    const { names, unfinished } = list(directory);
    // What comes within a tick of the kernel's clock may leave the time as it was (4 ms, with CONFIG_HZ=250).
    const isOld = BigInt(Date.now() - 1_000) * 1_000_000n > changedAt;
    emptyAt = isOld && names.length === 0 && !unfinished ? changedAt : undefined;
    return names;
  }

  async function drainAll(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const file = join(directory, name);
      try {
        const frame = parseFrame(readFileSync(file));
        if (frame.state !== 'complete' || frame.invocation.environment.get('CNI_COMMAND') !== 'DEL') {
          logger.error({ file }, 'a spooled request is damaged and is set aside');
          renameSync(file, `${file}.damaged`);
          continue;
        }
        const reply = await carryOut(frame.invocation);
        const container = frame.invocation.environment.get('CNI_CONTAINERID');
        if (reply.exitCode === 0) {
          unlinkSync(file);
          logger.info({ container }, 'carried out a spooled DEL');
        } else if (hopeless.some((code) => reply.stdout.includes(`"code":${code},`))) {
          logger.error({ file, answer: reply.stdout }, 'a spooled DEL can never be carried out and is set aside');
          renameSync(file, `${file}.damaged`);
        } else {
          logger.warn({ container, answer: reply.stdout }, 'a spooled DEL failed and stays');
        }
      } catch (error) {
        logger.error({ file, err: error }, 'a spooled request cannot be read');
      }
    }
  }

  return {
    drain: () => {
      if (draining) return draining;
      const names = spooled();
      if (names.length === 0) return Promise.resolve();
      draining = drainAll(names).finally(() => {
        draining = undefined;
      });
      return draining;
    },
  };
}

/** When something came into the folder or left it, in nanoseconds; undefined without a folder. */
function timeOf(directory: string): bigint | undefined {
  try {
    return statSync(directory, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
  } catch {
    return undefined;
  }
}

/** In the order in which they came: the names start with the time. What was begun long ago and never finished is removed. */
function list(directory: string): { readonly names: string[]; readonly unfinished: boolean } {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch {
    return { names: [], unfinished: true };
  }
  const unfinished = names.filter((name) => name.endsWith(unfinishedSuffix));
  for (const name of unfinished) removeWhenOld(join(directory, name));
  return { names: names.filter((name) => name.endsWith(suffix)), unfinished: unfinished.length > 0 };
}

function removeWhenOld(file: string): void {
  try {
    if (Date.now() - statSync(file).mtimeMs > unfinishedForMs) unlinkSync(file);
  } catch {
    // Finished meanwhile, and has its final name.
  }
}
