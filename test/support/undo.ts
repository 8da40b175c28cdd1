// What this process has made and must not leave behind: namespaces, folders, a lab. Whoever makes such a thing says here how it is
// undone, and takes that back when it has been. When the process ends before, by itself, by an error or by a signal, everything that
// it has started is ended, and then what is left is undone, the last first.
//
// All of that is synchronous: a process that exits waits for nothing, and what a signal has interrupted shall not go on meanwhile, make
// more, and stumble over what is gone.
import { constants } from 'node:os';
import { endDescendants } from './descendants.ts';
import { sleepSync } from './sleep-sync.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes on the Ctrl-C that its child has from the terminal already: what comes so soon is no second one. */
const echoMs = 500;
const patienceMs = 30_000;

const undoings = new Set<() => void>();

/** Has something undone when this process ends before the answer was called. `undo` finds it in any state, and half undone too. */
export function undoAtExit(undo: () => void): () => void {
  if (undoings.size === 0) listen();
  undoings.add(undo);
  return () => {
    if (undoings.delete(undo) && undoings.size === 0) stopListening();
  };
}

/** Signals are listened for only while there is something to undo: otherwise they end a process that never comes back to its events. */
function listen(): void {
  process.on('exit', undoAll);
  for (const signal of signals) process.on(signal, end);
}

function stopListening(): void {
  process.off('exit', undoAll);
  for (const signal of signals) process.off(signal, end);
}

function end(signal: (typeof signals)[number]): void {
  sleepSync(echoMs);
  // From here on another signal ends the process at once.
  for (const each of signals) process.removeAllListeners(each);
  undoAll();
  // By the signal itself, so that a shell sees what happened; the first process of a container does not die of it.
  process.kill(process.pid, signal);
  process.exit(128 + constants.signals[signal]);
}

function undoAll(): void {
  stopListening();
  const deadline = Date.now() + patienceMs;
  for (const step of [() => endDescendants(), ...[...undoings].reverse()]) {
    if (Date.now() > deadline) {
      console.error(`not everything could be undone within ${patienceMs / 1000} s`);
      break;
    }
    try {
      step();
    } catch (error) {
      console.error(error);
    }
  }
  undoings.clear();
}
