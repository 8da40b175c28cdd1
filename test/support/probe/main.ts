/**
 * A program that runs inside a network namespace and says what its packets met there:
 *
 *   probe serve   answers on the TCP and UDP ports of its argument, until its standard input ends
 *   probe flows   tries each flow of a JSON array on standard input once; prints the outcomes
 *   probe stream  keeps flows running until its standard input ends; prints what was lost
 *   probe watch   tries a flow until its outcome is the one waited for; prints when (Unix milliseconds)
 *
 * Only modules of Node.js itself, so that it starts fast.
 */
import { tryFlow } from './flows.ts';
import { serve } from './serve.ts';
import { stream } from './stream.ts';
import { watch } from './watch.ts';

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function inputEnd(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.on('end', resolve).on('close', resolve).resume();
  });
}

const [mode, argument = '{}'] = process.argv.slice(2);
switch (mode) {
  case 'serve':
    await serve(JSON.parse(argument));
    process.stdout.write('ready\n');
    await inputEnd();
    break;
  case 'flows':
    console.log(JSON.stringify(await Promise.all(JSON.parse(await readInput()).map(tryFlow))));
    break;
  case 'stream':
    console.log(JSON.stringify(await stream(JSON.parse(argument), inputEnd(), () => process.stdout.write('ready\n'))));
    break;
  case 'watch':
    process.stdout.write('ready\n');
    console.log((await watch(JSON.parse(argument))) ?? '');
    break;
  default:
    console.error('usage: probe serve|flows|stream|watch [JSON]');
    process.exitCode = 2;
}
process.exit();
