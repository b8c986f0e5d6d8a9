// Real clients, unmodified: EventSource and ws, against the demo's contracts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { EventSource } from 'eventsource'
import WebSocket from 'ws'

const binary = process.env.TIDEWIRE ?? new URL('../target/debug/tidewire', import.meta.url).pathname
let demo, about

before(async () => {
  demo = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--json', '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: demo.stdout }), 'line')
  about = JSON.parse(line)
})

after(() => demo?.kill('SIGKILL'))
const limit = { timeout: 20_000 }

const publish = async (contract, channel, type, data) => {
  const answer = await fetch(`${about.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${about.contracts[contract].backend_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ channel, type, data })
  })
  assert.equal(answer.status, 200)
  return answer.json()
}

// What came, in order; events of one chunk come without a pause between them.
const inbox = source => {
  const came = []
  let wake = () => {}
  source.addEventListener('message', event => { came.push(event); wake() })
  return async wanted => {
    for (;;) {
      while (came.length) {
        const event = came.shift()
        if (wanted(JSON.parse(event.data))) return event
      }
      await new Promise(resolve => { wake = resolve })
    }
  }
}
const removed = id => event => event.payload.ticketId === id

// B-1, B-8: an EventSource that lost its connection goes on by itself where it was.
test('EventSource resumes by its last id', limit, async () => {
  const token = about.contracts.board.tokens.zootechnician
  const headers = { cookie: `session=${token}` }
  const open = lastEventId => new EventSource(`${about.url}/api/events?channels=board:zoo`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers, ...(lastEventId && { 'last-event-id': lastEventId }) } })
  })
  const first = open()
  const heard = inbox(first)
  await once(first, 'open')
  await publish('board', 'board:zoo', 'task.removed', { ticketId: 'e1' })
  const event = await heard(removed('e1'))
  assert.ok(event.lastEventId)
  first.close()
  await publish('board', 'board:zoo', 'task.removed', { ticketId: 'e2' })
  await publish('board', 'board:zoo', 'task.removed', { ticketId: 'e3' })
  const second = open(event.lastEventId)
  const resumed = inbox(second)
  assert.equal(JSON.parse((await resumed(() => true)).data).payload.ticketId, 'e2')
  assert.equal(JSON.parse((await resumed(() => true)).data).payload.ticketId, 'e3')
  second.close()
})

// B-3, W-1: the ws library, with and without permessage-deflate, gets the same messages.
test('ws with and without compression', limit, async () => {
  const token = about.contracts.world.tokens.gamemaster
  const sockets = [true, false].map(perMessageDeflate => new WebSocket(`${about.url.replace('http', 'ws')}/ws?world_id=w1&token=${token}`, { perMessageDeflate }))
  await Promise.all(sockets.map(socket => once(socket, 'open')))
  assert.equal(sockets[0].extensions, 'permessage-deflate')
  assert.equal(sockets[1].extensions, '')
  const arriving = sockets.map(socket => once(socket, 'message'))
  const name = 'a long and repetitive name '.repeat(40)
  const receipt = await publish('world', 'world:w1', 'world.updated', { id: 'w1', name })
  const [[a], [b]] = await Promise.all(arriving)
  assert.deepEqual(JSON.parse(a), JSON.parse(b))
  assert.equal(JSON.parse(a).id, receipt.id)
  for (const socket of sockets) {
    const pong = once(socket, 'message')
    socket.send(JSON.stringify({ type: 'ping', padding: 'x'.repeat(500) }))
    assert.equal(JSON.parse((await pong)[0]).type, 'pong')
    const closed = once(socket, 'close')
    socket.close(1000, 'done')
    assert.equal((await closed)[0], 1000)
  }
})

// W-9: refused before the upgrade.
test('ws is refused with 401 and 403', limit, async () => {
  const { stranger } = about.contracts.world.tokens
  for (const [token, status] of [['junk', 401], [stranger, 403]]) {
    const socket = new WebSocket(`${about.url.replace('http', 'ws')}/ws?world_id=w1&token=${token}`)
    socket.on('error', () => {})
    const [, answer] = await once(socket, 'unexpected-response')
    assert.equal(answer.statusCode, status)
    socket.terminate()
  }
})

// G-3: a snapshot's position is where the stream goes on.
test('from the snapshot to the stream without a hole', limit, async () => {
  const act = action => fetch(`${about.url}/worlds/w1/actions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(action) })
  await act({ action: 'rename_world', name: 'Noon' })
  const snapshot = await fetch(`${about.url}/worlds/w1`)
  const position = snapshot.headers.get('tidewire-position')
  assert.equal((await snapshot.json()).position, position)
  const done = await (await act({ action: 'rename_world', name: 'Evening', request_id: 'r1' })).json()
  const again = await (await act({ action: 'rename_world', name: 'Evening', request_id: 'r1' })).json()
  assert.deepEqual(again, done)
  const token = about.contracts.world.tokens.gamemaster
  const history = await fetch(`${about.url}/worlds/w1/history?after=${position}`, { headers: { authorization: `Bearer ${token}` } })
  const missed = await history.json()
  assert.deepEqual(missed.map(e => e.id), done.events.map(e => e.id))
})
