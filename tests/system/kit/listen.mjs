// SPDX-License-Identifier: MIT
// A server of a test on a free port, whose connections end with it.
export async function listen(server, host = '127.0.0.1') {
  const sockets = new Set();
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {});
    });
  }
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  return {
    server,
    port: server.address().port,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}
