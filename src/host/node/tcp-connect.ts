/**
 * Connects to a TCP port.
 */
import { connect } from "node:net";
import { connectionOf, type TcpConnection } from "./tcp-listener.js";

/** Rejects with the system's error where nobody listens. */
export function connectTcp(host: string, port: number): Promise<TcpConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(connectionOf(socket));
    });
  });
}
