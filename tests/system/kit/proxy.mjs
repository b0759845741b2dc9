// SPDX-License-Identifier: MIT
// A CONNECT proxy that asks for credentials and remembers what it was asked.
import http from 'node:http';
import net from 'node:net';
import { listen } from './listen.mjs';

export async function startConnectProxy({ user, password }) {
  const seen = { connects: [], refused: 0, plain: 0 };
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = http.createServer((_, answer) => {
    seen.plain++;
    answer.writeHead(405).end();
  });
  server.on('connect', (request, client, head) => {
    seen.connects.push(request.url);
    if (request.headers['proxy-authorization'] !== expected) {
      seen.refused++;
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const target = net.connect(port || 80, hostname.replace(/^\[|\]$/g, ''), () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      client.pipe(target).pipe(client);
    });
    target.on('error', () => client.destroy());
    client.on('error', () => target.destroy());
    client.on('close', () => target.destroy());
  });
  return { ...(await listen(server)), seen };
}
