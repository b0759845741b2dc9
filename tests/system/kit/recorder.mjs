// SPDX-License-Identifier: MIT
// A TCP hop that passes everything on and remembers it: what really left the gateway, and what really came back.
import net from 'node:net';
import { listen } from './listen.mjs';

export async function startRecorder(targetPort) {
  const connections = []; // {sent, received}: from and to the gateway
  const { server, port, stop } = await listen(net.createServer((client) => {
    const record = { sent: [], received: [] };
    connections.push(record);
    const target = net.connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    client.on('data', (bytes) => record.sent.push(bytes));
    target.on('data', (bytes) => record.received.push(bytes));
    client.pipe(target).pipe(client);
    for (const [one, other] of [[client, target], [target, client]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }));
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    stop,
    // What has passed since the last call, for each connection on which anything has.
    take: () => connections.map((record) => ({
      sent: Buffer.concat(record.sent.splice(0)), received: Buffer.concat(record.received.splice(0)),
    })).filter(({ sent, received }) => sent.length + received.length > 0),
  };
}
