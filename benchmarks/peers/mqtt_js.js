// mqtt.js reads, pg-copy-streams writes: one COPY at a time, the next batch grows meanwhile.
const mqtt = require("mqtt")
const { Client } = require("pg")
const { from: copyFrom } = require("pg-copy-streams")
const { pipeline } = require("node:stream/promises")
const { Readable } = require("node:stream")

const target = JSON.parse(process.argv[2])
let lines = []
let waiting = 0
let writing = false
let timer = null

function take(topic, payload) {
  const message = JSON.parse(payload)
  const ts = new Date(message.ts).toISOString()
  let series = Number(topic.slice(14, 19)) * 5 + 1
  for (const value of Object.values(message.values)) lines.push(`${series++}\t${ts}\t${value}\n`)
  waiting++
  if (waiting >= target.batch) write()
  else timer ??= setTimeout(write, target.linger * 1000)
}

async function write() {
  clearTimeout(timer)
  timer = null
  if (writing || waiting === 0) return
  writing = true
  const batch = lines.join("")
  lines = []
  waiting = 0
  await pipeline(Readable.from([batch]), database.query(copyFrom(`COPY ${target.table} FROM STDIN`)))
  writing = false
  if (waiting >= target.batch) write()
  else if (waiting > 0) timer ??= setTimeout(write, target.linger * 1000)
}

const database = new Client({ connectionString: target.url })
database.connect().then(() => {
  const client = mqtt.connect(`mqtt://127.0.0.1:${target.port}`, {
    clientId: target.user,
    username: target.user,
    password: target.password,
    protocolVersion: 5,
    clean: false,
    properties: { sessionExpiryInterval: 4294967295 },
  })
  client.on("message", take)
  client.on("connect", () => client.subscribe(target.topic, { qos: 1 }))
  client.on("error", (error) => { console.error(error); process.exit(1) })
})
