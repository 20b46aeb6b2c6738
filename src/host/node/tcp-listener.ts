/**
 * Listens on a TCP port.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { UsageError } from "../usage-error.js";

/** One peer. The callbacks may be replaced; nothing is delivered before the turn in which it was accepted ends. */
export interface TcpConnection {
  onData: (bytes: Uint8Array) => void;
  onClose: () => void;
  send(bytes: Uint8Array): void;
  /** Sends what is left and ends. */
  close(): void;
}

export interface TcpListener {
  readonly host: string;
  /** The port that was found when 0 was asked for. */
  readonly port: number;
  close(): void;
}

export function connectionOf(socket: Socket): TcpConnection {
  const connection: TcpConnection = {
    onData: () => {},
    onClose: () => {},
    send: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    close: () => {
      socket.end();
      // A peer that keeps its side open does not keep the process alive.
      socket.unref();
    },
  };
  socket.setNoDelay(true);
  socket.on("data", (bytes: Buffer) => connection.onData(bytes));
  // "close" follows.
  socket.on("error", () => {});
  socket.on("close", () => connection.onClose());
  return connection;
}

/**
 * @param port 0 for any that is free
 * @throws UsageError when the address can't be had
 */
export function listenTcp(
  host: string,
  port: number,
  accept: (connection: TcpConnection) => void,
): Promise<TcpListener> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => accept(connectionOf(socket)));
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken" : (error.code ?? error.message);
      reject(new UsageError(`Cannot listen on ${host}:${port}: ${why}.`));
    });
    server.listen(port, host, () => {
      const { port: found } = server.address() as AddressInfo;
      resolve({ host, port: found, close: () => server.close() });
    });
  });
}
