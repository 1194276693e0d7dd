// WebSocket messages per second out of one Bun.serve on one core: a send per socket against one publish to a topic, to 1, 100 and
// 1000 sockets. The readers live in another process; a round ends when the server has heard from every one that all have come. The
// wall clock is mostly the readers'; what the server spends is told beside it.

import { assert } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { sha256 } from "#crypto/sha256.ts";
import { type Contender, runInterleaved, smokeOr } from "../harness.ts";

const MESSAGE_SIZE_BYTES = 400;
const TOPIC = "records";
const PER_SOCKET = "a send per socket";
const TO_TOPIC = "publish to a topic";

type Socket = Bun.ServerWebSocket<undefined>;

/** The readers' process: opens sockets, counts messages, and says over each socket when a round's are complete. */
const READERS = `
  const [url, socketCount, perRound] = process.argv.slice(1);
  for (let i = 0; i < Number(socketCount); i++) {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    let count = 0;
    socket.onmessage = () => {
      if (++count % Number(perRound) === 0) socket.send("done");
    };
    socket.onclose = () => process.exit(0);
  }
`;

/** A server with all its readers connected. */
async function openServer(socketCount: number, messageCount: number) {
  const sockets = new Set<Socket>();
  let [doneCount, wake] = [0, () => {}];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("no", { status: 400 })),
    websocket: {
      backpressureLimit: 1 << 30,
      open: (socket: Socket) => {
        socket.subscribe(TOPIC);
        sockets.add(socket);
        wake();
      },
      message: () => {
        doneCount++;
        wake();
      },
    },
  });
  const until = async (isMet: () => boolean) => {
    while (!isMet()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const url = `ws://127.0.0.1:${server.port}`;
  const command = [process.execPath, "-e", READERS, url, String(socketCount), String(messageCount)];
  const readers = Bun.spawn(command, { stdout: "inherit", stderr: "inherit" });
  await until(() => sockets.size === socketCount);
  const cpuTimes = new Map<string, number[]>();
  const round = (name: string, write: (message: Uint8Array) => void): Contender => {
    return async () => {
      const before = process.cpuUsage();
      const end = doneCount + socketCount;
      const message = new Uint8Array(MESSAGE_SIZE_BYTES);
      for (let i = 0; i < messageCount; i++) {
        message[0] = i;
        write(message);
        if (i % 16 === 15) await new Promise<void>((resolve) => setImmediate(resolve)); // as a feed between batches
      }
      await until(() => doneCount === end);
      const { user, system } = process.cpuUsage(before);
      cpuTimes.set(name, [...(cpuTimes.get(name) ?? []), ((user + system) * 1e3) / (socketCount * messageCount)]);
      return toBareHex(sha256(Uint8Array.of(socketCount & 0xff, socketCount >> 8, messageCount & 0xff)));
    };
  };
  return {
    sends: round(PER_SOCKET, (message) => {
      for (const socket of sockets) assert(socket.sendBinary(message) !== 0, "no message is dropped");
    }),
    publishes: round(TO_TOPIC, (message) => {
      assert(server.publish(TOPIC, message) !== 0, "no message is dropped");
    }),
    describeCpu: () => {
      return [...cpuTimes].map(([name, samples]) => {
        const median = samples.sort((a, b) => a - b)[samples.length >> 1] ?? 0;
        return `  ${name}: ${median.toFixed(0)} ns of the server's CPU per message`;
      });
    },
    close: async () => {
      await server.stop(true);
      await readers.exited;
    },
  };
}

for (const socketCount of [1, 100, 1000]) {
  const readers = smokeOr(socketCount, Math.min(socketCount, 20));
  const messageCount = smokeOr(Math.max(64, Math.round(20_000 / socketCount)), 8);
  const server = await openServer(readers, messageCount);
  await runInterleaved({
    name: `WebSocket messages to ${readers} sockets, delivered`,
    rounds: smokeOr(9, 1),
    operationCount: readers * messageCount,
    parameters: { sockets: readers, messages: messageCount, messageSizeBytes: MESSAGE_SIZE_BYTES },
    contenders: { [PER_SOCKET]: server.sends, [TO_TOPIC]: server.publishes },
  });
  console.log(server.describeCpu().join("\n"));
  await server.close();
}
