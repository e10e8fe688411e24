// A gateway in Node 20.15 or later (npm install zeromq): a cosine, kept until it is durable.
// usage: gateway_node.mjs URL SERIES SECONDS
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { Dealer } from "zeromq";

const [url, series, seconds] = [process.argv[2], Buffer.from(process.argv[3]), Number(process.argv[4])];
const session = randomBytes(8).readBigUInt64LE() | 1n, second = 1000000000n;
const pad = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
function frame(sequence, blockCount, rest) { // all behind the CRC is under it
  const bytes = Buffer.concat([Buffer.from([0x93, 0x49, 0x42, 1]), Buffer.alloc(28), rest]);
  bytes.writeUInt32LE(bytes.length, 8), bytes.writeUInt16LE(blockCount, 12);
  bytes.writeBigUInt64LE(session, 16), bytes.writeBigUInt64LE(BigInt(sequence), 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}
function block(values, t0, period) { // f8 on a regular clock: t0 in nanoseconds, period in picoseconds
  const bytes = Buffer.concat([Buffer.alloc(32), pad(series), Buffer.from(new Float64Array(values).buffer)]);
  bytes.writeUInt32LE(bytes.length, 0), bytes.writeUInt16LE(series.length, 4), bytes.write("f8", 6);
  bytes.writeUInt32LE(values.length, 8), bytes[12] = 1, bytes.writeBigInt64LE(t0, 16), bytes.writeBigInt64LE(period, 24);
  return bytes;
}
const cosine = Array.from({ length: 100 }, (_, i) => Math.cos((2 * Math.PI * i) / 100));
const t0 = BigInt(Date.now() - seconds * 1000) * 1000000n;
const kept = Array.from({ length: seconds }, (_, i) => frame(i + 1, 1, block(cosine, t0 + BigInt(i) * second, 10n * second)));
for (let stored = 0, durable = 0; durable < seconds; ) {
  const socket = new Dealer({ linger: 0, receiveTimeout: 2000 });
  socket.connect(url);
  await socket.send(frame(durable + 1, 0, Buffer.from("gateway_node"))); // HELLO: the oldest that can still be sent
  for (let sent = stored, reply; durable < seconds && ([reply] = await socket.receive().catch(() => [])) && reply; ) {
    if (reply.readBigUInt64LE(8) !== session) continue;
    const code = reply.readUInt16LE(4), credit = reply.readUInt32LE(40), before = stored, again = [2, 10, 11, 12].includes(code);
    stored = Number(reply.readBigUInt64LE(24)), durable = Number(reply.readBigUInt64LE(32));
    if (code) console.error(code, reply.subarray(64).toString());
    sent = again || stored < before ? stored : Math.max(sent, stored);
    while (sent < seconds && sent - stored < credit) await socket.send(kept[sent++]);
  }
  socket.close(); // all is durable, or silence: what was under way may be lost
}
