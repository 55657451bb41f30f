// Notifications in Node with nothing but zeromq and @msgpack/msgpack (npm install).
//
//   node subscribe.mjs PREFIX [COUNT [FROM]]     COUNT 0: for ever; FROM: the first seq, without it: now
import { readFileSync } from "node:fs"
import { decode, encode } from "@msgpack/msgpack"
import { Dealer, Subscriber } from "zeromq"

const [prefix = "", count = "0", from = "-1"] = process.argv.slice(2)
const [notify, bus] = [process.env.CBM_NOTIFY || "tcp://127.0.0.1:5560", process.env.CBM_BUS || "tcp://127.0.0.1:5550"]
const key = (name) => readFileSync(process.env.CBM_CERT, "utf8").match(`${name}-key = "(.*)"`)[1]
const keys = process.env.CBM_SERVER_KEY // ours, shown to the server that has that one
  ? { curveServerKey: process.env.CBM_SERVER_KEY, curvePublicKey: key("public"), curveSecretKey: key("secret") } : {}
const [live, dealer] = [new Subscriber(keys), new Dealer({ ...keys, receiveTimeout: 6000, linger: 0 })]
live.subscribe(prefix)
for (const endpoint of notify.split(",")) live.connect(endpoint)
dealer.connect(bus.split(",")[0])
let id = 0

// A request to notify: RFC 18/MDP carrying MessagePack-RPC; asked again until it is answered.
async function call(method, params) {
  for (;;) {
    const number = ++id
    await dealer.send(["MDPC02", "\x01", "notify", encode([0, number, method, [params]]), encode({ safe: true, deadline: 5000 })])
    for (;;) {
      const frames = await dealer.receive().catch(() => null)
      if (!frames) break // no answer in time
      const [, msgid, error, result] = decode(frames[3])
      if (msgid !== number) continue // late, to a request given up
      if (!error) return result
      if (error.code !== "unavailable") throw new Error(`${error.code}: ${error.message}`)
    }
  }
}

// Every record under the prefix, once, in order.
async function* records() {
  let last = +from > 0 ? from - 1 : +from === 0 ? 0 : (await call("log.last", { prefix })).seq
  let newest = Infinity // read the log first
  const level = prefix.split(".").length - 1 - prefix.startsWith("private.")
  for (;;) {
    while (last < newest) { // something is missing: fill it from the log
      const page = await call("log.read", { prefix, after: last, limit: 1000 })
      for (const { topic, meta, data } of page.items) yield [topic, meta, data, (last = meta.seq)]
      newest = Math.max(newest === Infinity ? 0 : newest, page.last)
    }
    const [topic, head, data] = await live.receive()
    const meta = decode(head)
    if (meta.type === "watermark") newest = meta.prefix === prefix ? Math.max(newest, meta.seq) : newest
    else if (meta.seq > last && meta.prev[level] <= last) yield [topic.toString(), meta, decode(data), (last = meta.seq)]
    else if (meta.seq > last) newest = meta.seq
  }
}

let shown = 0
for await (const [topic, meta] of records()) {
  console.log(meta.seq, meta.type, topic)
  if (++shown === +count) break
}
process.exit(0)
