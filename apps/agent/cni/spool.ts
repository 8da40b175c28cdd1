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
      const names = list(directory);
      if (names.length === 0) return Promise.resolve();
      draining = drainAll(names).finally(() => {
        draining = undefined;
      });
      return draining;
    },
  };
}

/** In the order in which they came: the names start with the time. What was begun long ago and never finished is removed. */
function list(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch {
    // Nobody has spooled yet.
    return [];
  }
  for (const name of names) if (name.endsWith(unfinishedSuffix)) removeWhenOld(join(directory, name));
  return names.filter((name) => name.endsWith(suffix));
}

function removeWhenOld(file: string): void {
  try {
    if (Date.now() - statSync(file).mtimeMs > unfinishedForMs) unlinkSync(file);
  } catch {
    // Finished meanwhile, and has its final name.
  }
}
