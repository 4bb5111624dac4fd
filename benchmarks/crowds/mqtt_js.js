// An mqtt.js client for each device, all in one process of Node.
const mqtt = require("mqtt")

const job = JSON.parse(process.argv[2])
const names = Array.from({ length: job.devices }, (_, n) => `crowd-${String(n).padStart(5, "0")}`)
const TOGETHER = 64
const PIECE = 500
const MOST_AHEAD = 5000
let acknowledged = 0

function connect(name) {
  return new Promise((resolve) => {
    const client = mqtt.connect(`mqtt://127.0.0.1:${job.port}`, {
      clientId: name, username: name, password: name, protocolVersion: 5, reconnectPeriod: 0,
    })
    client.once("connect", () => resolve(client))
    client.on("error", () => {})
  })
}

function payload(n) {
  const v = n % 100
  const values = { temperature: v, humidity: v + 0.125, voltage: v + 0.25, current: v + 0.375, power: v + 0.5 }
  return JSON.stringify({ ts: Date.now(), values })
}

async function main() {
  let started = process.hrtime.bigint()
  const clients = []
  for (let n = 0; n < names.length; n += TOGETHER) {
    clients.push(...await Promise.all(names.slice(n, n + TOGETHER).map(connect)))
  }
  const seconds = () => Number(process.hrtime.bigint() - started) / 1e9
  const connect_s = seconds()
  started = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  let number = 0
  const step = () => {
    if (seconds() >= job.seconds) return finish(clients, connect_s, seconds(), process.cpuUsage(cpu))
    const paced = Math.floor(seconds() / (job.interval / job.devices)) + 1
    const due = Math.min(paced, acknowledged + MOST_AHEAD)
    const until = Math.min(due, number + PIECE)
    for (; number < until; number++) {
      const i = number % names.length
      clients[i].publish(`devices/${names[i]}/telemetry`, payload(number), { qos: 1 }, (error) => {
        if (!error) acknowledged++
      })
    }
    if (number >= due) setTimeout(step, 1)
    else setImmediate(step)
  }
  step()
}

function finish(clients, connect_s, seconds, cpu) {
  const connections = clients.filter((client) => client.connected).length
  const cpu_s = (cpu.user + cpu.system) / 1e6
  console.log(JSON.stringify({ connections, connect_s, acknowledged, seconds, cpu_s }))
  process.exit(0)
}

main()
