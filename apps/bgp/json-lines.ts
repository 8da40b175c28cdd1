import type { Socket } from 'node:net';

/** No request or answer is longer; a client that sends more without a newline is cut off. */
const longestLine = 256 << 20;

/** Calls with every whole line that the socket brings. */
export function onLines(socket: Socket, handle: (line: string) => void): void {
  let parts: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = text.split('\n');
    for (const [i, line] of lines.entries()) {
      parts.push(line);
      length += line.length;
      if (i === lines.length - 1) break;
      const whole = parts.join('');
      parts = [];
      length = 0;
      if (whole.trim() !== '') handle(whole);
    }
    if (length > longestLine) socket.destroy();
  });
}
