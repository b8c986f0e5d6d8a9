// The same events over every transport and wire, and one handler for all.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { contract as board } from './generated/board.mjs'
import { contract as odd } from './generated/odd.mjs'
import { contract as world } from './generated/world.mjs'
import { line, listen, start, token } from './setup.mjs'

const limit = { timeout: 120_000 }
const keeper = () => token({ sub: 'z1', role: 'zootechnician' })
const task = (id, version) => ({ ticket: { id, version } })

describe('transports', () => {
  let server
  before(async () => { server = await start('shipped') })
  after(() => server?.remove())

  // B-1, B-3: the document's one handler.
  test('one handler hears the same on WebSocket, event stream and poll', limit, async () => {
    const clients = ['websocket', 'sse', 'poll'].map(transport => {
      const heard = listen(board, { url: server.url, token: keeper(), transports: [transport] })
      heard.client.subscribe('board:zoo', heard.hears)
      return heard
    })
    await Promise.all(clients.map(heard => heard.open()))
    for (let i = 1; i <= 5; i++) await server.publish('board', 'board:zoo', 'task.updated', task(`t${i}`, i))
    await server.publish('board', 'board:zoo', 'task.removed', { ticketId: 't1' })
    await server.publish('board', 'worker:w1', 'task.updated', task('elsewhere', 1))
    for (const heard of clients) {
      await heard.until(() => heard.events.length === 6)
      assert.deepEqual(heard.events.map(({ event }) => event.payload.ticket?.id ?? event.payload.ticketId), ['t1', 't2', 't3', 't4', 't5', 't1'])
      assert.deepEqual(heard.events[0].event, clients[0].events[0].event)
      assert.deepEqual(heard.events[0].about.channels, ['board:zoo'])
      heard.client.close()
      assert.deepEqual([heard.errors, heard.gaps], [[], []])
    }
    assert.deepEqual(clients.map(({ events }) => events[0].about.transport), ['websocket', 'sse', 'poll'])
  })

  // B-6: the higher version wins, whatever comes when.
  test('an older version is not shown', limit, async () => {
    const heard = listen(board, { url: server.url, token: keeper() })
    heard.client.on('task.updated', heard.hears)
    await heard.open()
    for (const version of [3, 2, 3, 4]) await server.publish('board', 'board:zoo', 'task.updated', task('versioned', version))
    await server.publish('board', 'board:zoo', 'task.updated', task('other', 1))
    await heard.until(() => heard.events.length >= 3)
    assert.deepEqual(heard.events.map(({ event }) => [event.payload.ticket.id, event.payload.ticket.version]), [['versioned', 3], ['versioned', 4], ['other', 1]])
    heard.client.close()
  })

  // W-5: only what is asked for; a channel whose name tells the path.
  test('a filter, and a path from the name of a channel', limit, async () => {
    const heard = listen(world, { url: server.url, token: token({ sub: 'ana', worlds: ['w1'] }), types: 'place.*' })
    heard.client.subscribe('world:w1', heard.hears)
    await heard.open()
    await server.publish('world', 'world:w1', 'world.updated', { id: 'w1' })
    await server.publish('world', 'world:w1', 'place.updated', { id: 'p1' })
    await heard.until(() => heard.events.length > 0)
    assert.equal(heard.events[0].event.data.id, 'p1')
    heard.client.close()
  })

  // W-9: who may not is told so, and does not come again and again.
  test('who may not join is told', limit, async () => {
    const heard = listen(world, { url: server.url, token: token({ sub: 'ana', worlds: [] }) })
    heard.client.subscribe('world:w1', heard.hears)
    await heard.until(() => heard.client.state === 'closed')
    assert.equal(heard.errors[0].code, 'NOT_ALLOWED')
    assert.match(heard.errors[0].message, /403.*may not join/s)
  })
})

describe('fallbacks', () => {
  let server
  before(async () => { server = await start('shipped') })
  after(() => server?.remove())

  // B-1: what does not come through is fallen back from, nothing is lost on the way, and the better one is taken up again.
  test('from WebSocket to event stream to polling, and back', limit, async () => {
    const wire = await line(server.url)
    wire.refuse = /upgrade: websocket|text\/event-stream/i
    const heard = listen(board, { url: wire.url, token: keeper(), upgrade: 500 })
    heard.client.subscribe('board:zoo', heard.hears)
    await heard.until(() => heard.client.transport === 'poll')
    let published = 0
    const next = async () => {
      await server.publish('board', 'board:zoo', 'task.updated', task(`f${++published}`, 1))
      await heard.until(() => heard.events.length === published)
    }
    await next()
    wire.refuse = /upgrade: websocket/i
    await heard.until(() => heard.client.transport === 'sse')
    await next()
    wire.refuse = undefined
    await heard.until(() => heard.client.transport === 'websocket')
    await next()
    assert.deepEqual(heard.events.map(({ event }) => event.payload.ticket.id), ['f1', 'f2', 'f3'])
    assert.deepEqual(heard.gaps, [])
    heard.client.close()
    wire.close()
  })
})

describe('what was fallen back to', () => {
  let server
  before(async () => { server = await start('shipped') })
  after(() => server?.remove())

  // B-1, C-8: it stood, so it gets more tries before others do.
  test('is kept when its line breaks', limit, async () => {
    const wire = await line(server.url)
    let attempts = 0
    let nothing = false
    wire.refuse = { test: text => (/upgrade: websocket/i.test(text) && ++attempts > 0) || nothing }
    const heard = listen(board, { url: wire.url, token: keeper() })
    heard.client.subscribe('board:zoo', heard.hears)
    await heard.until(() => heard.client.transport === 'sse')
    assert.equal(attempts, 1)
    const tried = () => heard.states.filter(({ state }) => state === 'connecting').length
    const before = tried()
    nothing = true
    wire.cut()
    wire.mend()
    await heard.until(() => tried() >= before + 2)
    nothing = false
    await heard.until(() => heard.client.transport === 'sse')
    assert.equal(attempts, 1)
    heard.client.close()
    wire.close()
  })

  // C-8: a token that is refused is no fault of the transport.
  test('is not fallen back to for a token', limit, async () => {
    const tokens = [token({ sub: 'z1', role: 'zootechnician' }, -3600), keeper()]
    const heard = listen(board, { url: server.url, token: () => tokens.shift() })
    heard.client.subscribe('board:zoo', heard.hears)
    await heard.until(() => heard.client.state === 'open')
    assert.equal(heard.client.transport, 'websocket')
    assert.deepEqual(heard.states.filter(({ state }) => state === 'waiting').map(({ cause }) => cause), ['auth'])
    heard.client.close()
  })
})

describe('channels', () => {
  let server
  before(async () => { server = await start('odd') })
  after(() => server?.remove())

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`are taken up and given up while it lives: ${transport}`, limit, async () => {
      const heard = listen(odd, { url: server.url, token: token({ sub: 'ana' }), transports: [transport] })
      const [one, two] = [`room:one-${transport}`, `room:two-${transport}`]
      const leave = heard.client.subscribe(one, heard.hears)
      await heard.open()
      await server.publish('odd', one, 'plain.thing', 1)
      await heard.until(() => heard.events.length === 1)
      heard.client.subscribe(two, heard.hears)
      await heard.until(() => heard.client.position(two) !== undefined)
      await heard.until(() => heard.client.state === 'open')
      await server.publish('odd', two, 'plain.thing', 2)
      await heard.until(() => heard.events.length === 2)
      leave()
      await heard.until(() => heard.client.state === 'open')
      await server.publish('odd', two, 'plain.thing', 3)
      await heard.until(() => heard.events.length === 3)
      await server.publish('odd', one, 'plain.thing', 4)
      await server.publish('odd', two, 'plain.thing', 5)
      await heard.until(() => heard.events.length === 4)
      assert.deepEqual(heard.events.map(({ event }) => event.data), [1, 2, 3, 5])
      heard.client.close()
    })
  }

  // G-3: a snapshot tells its place, and the stream goes on right behind it.
  test('go on behind a place', limit, async () => {
    const { position } = await server.publish('odd', 'room:snapshot', 'plain.thing', 1)
    for (const data of [2, 3]) await server.publish('odd', 'room:snapshot', 'plain.thing', data)
    const heard = listen(odd, { url: server.url, token: token({ sub: 'ana' }) })
    heard.client.subscribe('room:snapshot', heard.hears, { after: position })
    await heard.until(() => heard.events.length === 2)
    assert.deepEqual(heard.events.map(({ event }) => event.data), [2, 3])
    heard.client.close()
  })

  test('an AbortSignal closes', limit, async () => {
    const abort = new AbortController()
    const heard = await listen(odd, { url: server.url, token: token({ sub: 'ana' }), signal: abort.signal }).open()
    abort.abort()
    assert.equal(heard.client.state, 'closed')
    await assert.rejects(heard.client.send('say', { id: 'x', text: 'x' }), { code: 'CLOSED' })
  })
})
