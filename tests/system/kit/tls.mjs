// SPDX-License-Identifier: MIT
// A certificate authority of a test, made by openssl, and a TLS front before a plain server.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { listen } from './listen.mjs';

export class Authority {
  constructor(name = 'Test Authority') {
    this.directory = mkdtempSync(join(tmpdir(), 'droid2api-ca-'));
    this.certificate = join(this.directory, 'ca.pem');
    this.#openssl('req', '-x509', ...this.#newKey('ca'), '-out', this.certificate, '-days', '2', '-subj', `/CN=${name}`,
      '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign');
  }

  #openssl(...args) {
    execFileSync('openssl', args, { cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #newKey(name) {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
  }

  // Key and certificate for `altName` ("DNS:localhost", "IP:127.0.0.1"), valid for `days` (negative: expired).
  issue(altName, { days = 2 } = {}) {
    const dir = this.directory;
    this.#openssl('req', ...this.#newKey('server'), '-out', 'server.csr', '-subj', '/CN=test server');
    writeFileSync(join(dir, 'server.ext'), `subjectAltName=${altName}\n`);
    this.#openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
      '-days', String(days), '-extfile', 'server.ext', '-out', 'server.pem');
    return { key: readFileSync(join(dir, 'server.key')), cert: readFileSync(join(dir, 'server.pem')) };
  }

  remove() {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

// TLS on a free port, passed on in the clear to `targetPort`. Counts what tests ask about.
export async function startTlsFront(identity, targetPort) {
  const seen = { handshakes: 0, resumed: 0, bytes: 0, serverNames: new Set() };
  const server = tls.createServer({ ...identity, ALPNProtocols: ['http/1.1'] }, (client) => {
    seen.handshakes++;
    seen.resumed += client.isSessionReused() ? 1 : 0;
    seen.serverNames.add(client.servername);
    const target = net.connect({ port: targetPort, host: '127.0.0.1' });
    client.on('data', (bytes) => (seen.bytes += bytes.length));
    client.pipe(target).pipe(client);
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  server.on('tlsClientError', () => {});
  return { ...(await listen(server)), seen };
}
