import { readFileSync } from 'node:fs';
import { type DecodeContext, initialContext, type RouteFamily } from 'bgp-parser';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { decodeInput, type InputFormat, inputFormats } from './decode-input.ts';
import { jsonItem, printItem } from './decode-print.ts';

interface Flags {
  format: InputFormat;
  port: number;
  twoOctetAs: boolean;
  internal: boolean;
  addPath: boolean;
  output: 'table' | 'json';
}

/** `caracal-bgp decode`: what a router's debug would show of messages that were kept. */
export function addDecodeCommand(program: Command): void {
  program
    .command('decode')
    .description('print the BGP messages of hexadecimal text, of a TCP payload, of a pcap capture, or of an MRT file')
    .argument('[file]', 'a file, which may be packed with gzip; standard input when absent or -', '-')
    .addOption(new Option('--format <format>', 'what the input is').choices(inputFormats).default('auto'))
    .option('--port <port>', "BGP's port in a capture", portOf, 179)
    .option('--two-octet-as', 'AS numbers have two octets, where no OPEN tells', false)
    .option('--internal', 'the sender is an internal peer: LOCAL_PREF and the like count', false)
    .option('--add-path', 'prefixes have path identifiers, where no OPEN tells', false)
    .addOption(
      new Option('-o, --output <format>', 'output format; json: a line for each')
        .choices(['table', 'json'])
        .default('table'),
    )
    .action((file: string, flags: Flags) => {
      const families: RouteFamily[] = flags.addPath ? ['ipv4Unicast', 'ipv6Unicast'] : [];
      const context: DecodeContext = {
        ...initialContext,
        fourOctetAs: !flags.twoOctetAs,
        external: !flags.internal,
        addPath: families,
        // What a session agreed on is not known here: nothing is refused for that.
        extendedNextHop: true,
        confederation: true,
      };
      const bytes = readFileSync(file === '-' ? 0 : file);
      const print = flags.output === 'json' ? jsonItem : printItem;
      // `| head` closes the pipe before the end.
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        process.exit();
      });
      let wrong = false;
      for (const item of decodeInput(bytes, { format: flags.format, port: flags.port, context })) {
        if (item.content.kind === 'problem' || item.content.kind === 'error') wrong = true;
        process.stdout.write(`${print(item)}\n`);
      }
      if (wrong) process.exitCode = 1;
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new InvalidArgumentError('from 1 to 65535.');
  return port;
}
