// What the tests of the client have in common: servers, tokens, lines that can be tampered with, what was heard.
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createBackend } from 'node:http'
import { connect as dial, createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { connect, memoryStore } from '@tidewire/client'
import { contracts, here } from './generate.mjs'
import { serve } from './serve.mjs'

/** What a test that fails leaves behind would keep the process alive. */
const ends = []
let shipped
/** A folder with the shipped contracts. Nobody waits ten seconds for somebody to have left the party. */
const folder = () => shipped ??= (async () => {
  const folder = await mkdtemp(join(tmpdir(), 'contracts-'))
  await cp(contracts, folder, { recursive: true })
  const party = join(folder, 'party/contract.yaml')
  const text = await readFile(party, 'utf8')
  await writeFile(party, text.replace('after: 10s }', 'after: 300ms }'))
  return folder
})()
after(async () => {
  await Promise.all(ends.map(end => end()))
  if (shipped) await rm(await shipped, { recursive: true, force: true })
})

export const secret = 'a secret of at least thirty-two bytes'
export const backendKey = 'the key of a backend'
const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with these claims, good for so many seconds. */
export const token = (claims, seconds = 600) => {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp: Math.floor(Date.now() / 1000) + seconds, ...claims })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

const keysOf = name => `
[contracts.${name}]
backend_keys = ["sha256:${createHash('sha256').update(`${backendKey} of ${name}`).digest('hex')}"]
[[contracts.${name}.auth.keys]]
algorithm = "HS256"
secret = "${secret}"
`

export const storeKey = 'store-app-key'
const configuration = {
  odd: keysOf('odd'),
  shipped: `${['world', 'board', 'conversation', 'party'].map(keysOf).join('')}
[contracts.party.backends.engine]
url = "ENGINE"
secret = "whsec_bm9ib2R5IGFza3MgdGhpcyBiYWNrZW5kIGFueXRoaW5n"
[contracts.conversation.backends.conversations]
url = "http://127.0.0.1:9/"
secret = "whsec_bm9ib2R5IGFza3MgdGhpcyBiYWNrZW5kIGFueXRoaW5n"
[contracts.store]
backend_keys = ["sha256:${createHash('sha256').update(`${backendKey} of store`).digest('hex')}"]
[contracts.store.pusher]
app_id = "1"
key = "${storeKey}"
secret = "a-secret-that-is-long-enough"
`
}

/** A backend that is asked about what clients send; `answers` with a value, or throws what it refuses with. */
export const backend = async answers => {
  const server = createBackend(async (request, response) => {
    const asked = await json(request)
    let status = 200
    const answer = await Promise.resolve(asked).then(answers).catch(refused => {
      status = 409
      return refused
    })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}/`
}

/** A server of the tests' own contract (`odd`) or of the shipped ones; `of` an earlier one goes on with its data and its port. `engine`: the party's backend. */
export const start = async (which = 'odd', of, engine = 'http://127.0.0.1:9/') => {
  const server = await serve(configuration[which].replace('ENGINE', engine), {
    contracts: which === 'odd' ? `${here}contracts` : await folder(),
    ...(of && { folder: of.folder, listen: `${of.host}:${of.port}` })
  })
  ends.push(() => server.remove())
  const ask = async (contract, path, body) => {
    const response = await fetch(server.url + path, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${backendKey} of ${contract}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body)
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  return Object.assign(server, {
    ask,
    publish: (contract, channel, type, data, more) => ask(contract, '/v1/events', { channel, type, data, ...more }),
    log: async (contract, channel) => (await ask(contract, `/v1/events/since?channel=${encodeURIComponent(channel)}&seq=0&limit=1000`)).events
  })
}

/** A client, and all that it says. */
export const listen = (contract, options) => {
  const said = { events: [], errors: [], gaps: [], states: [], settled: [], members: [] }
  let wake = () => {}
  const note = list => value => {
    said[list].push(value)
    wake()
  }
  const client = connect(contract, {
    store: memoryStore(),
    ...options,
    onError: note('errors'),
    onGap: note('gaps'),
    onState: (state, about) => note('states')({ state, ...about }),
    onSettled: (entry, outcome) => note('settled')({ entry, ...outcome }),
    onPresence: (channel, members) => note('members')(members)
  })
  ends.push(() => client.close())
  return Object.assign(said, {
    client,
    hears: (event, about) => note('events')({ event, about }),
    /** Waits until it is so. */
    until: async (is, what = is) => {
      const end = Date.now() + 45_000
      while (!is()) {
        if (Date.now() > end) throw new Error(`in vain: ${what}\n${JSON.stringify({ ...said, client: undefined }, (key, value) => value instanceof Error ? `${value}` : value)}`)
        await new Promise(resolve => {
          wake = resolve
          setTimeout(resolve, 100)
        })
      }
    },
    open: async function () {
      await this.until(() => client.state === 'open')
      return this
    }
  })
}

/** A line that can be cut, fall silent, refuse what a request asks for, and tamper with the server's WebSocket frames. */
export const line = async to => {
  const { hostname, port } = new URL(to)
  const sockets = new Set()
  const state = { whole: true, silent: false, refuse: undefined, tamper: undefined, opened: 0 }
  const server = createServer(near => {
    if (!state.whole) return near.destroy()
    const far = dial(Number(port), hostname)
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    let head = ''
    let upgraded = false
    near.on('data', bytes => {
      if (state.silent) return
      const text = bytes.toString('latin1')
      if (state.refuse?.test(text)) return near.destroy()
      if (/upgrade: websocket/i.test(text)) {
        state.opened++
        // What is tampered with is not to be compressed.
        return far.write(Buffer.from(text.replace(/sec-websocket-extensions:.*\r\n/i, ''), 'latin1'))
      }
      far.write(bytes)
    })
    let buffer = Buffer.alloc(0)
    far.on('data', bytes => {
      if (state.silent) return
      if (!upgraded) {
        head += bytes.toString('latin1')
        if (!head.startsWith('HTTP/1.1 101')) return near.write(bytes)
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        upgraded = true
        near.write(Buffer.from(head.slice(0, end + 4), 'latin1'))
        bytes = Buffer.from(head.slice(end + 4), 'latin1')
      }
      buffer = Buffer.concat([buffer, bytes])
      for (;;) {
        if (buffer.length < 2) return
        const short = buffer[1] & 127
        const start = short === 126 ? 4 : short === 127 ? 10 : 2
        if (buffer.length < start) return
        const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short
        if (buffer.length < start + length) return
        const frame = buffer.subarray(0, start + length)
        const json = state.tamper && (frame[0] & 15) === 1 ? JSON.parse(frame.subarray(start).toString()) : undefined
        buffer = buffer.subarray(start + length)
        const frames = json && state.tamper ? state.tamper(json, frame) : [frame]
        for (const one of frames) near.write(one)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => {
    sockets.forEach(socket => socket.destroy())
    server.close()
  })
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.address().port}`,
    cut () {
      state.whole = false
      sockets.forEach(socket => socket.destroy())
    },
    mend () {
      state.whole = true
      state.silent = false
    },
    close () {
      this.cut()
      server.close()
    }
  })
}
