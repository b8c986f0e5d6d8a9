// What happens to a line, and what the client makes of it: nothing is lost, nothing comes twice, what cannot be had is told.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { memoryStore } from '@tidewire/client'
import { pusher } from '@tidewire/client/pusher'
import { contract as board } from './generated/board.mjs'
import { contract as conversation } from './generated/conversation.mjs'
import { contract as odd } from './generated/odd.mjs'
import { contract as store } from './generated/store.mjs'
import { contract as world } from './generated/world.mjs'
import { line, listen, start, storeKey, token } from './setup.mjs'

const limit = { timeout: 120_000 }
const ana = () => token({ sub: 'ana', worlds: ['w1'], role: 'zootechnician' })

/** How each wire is spoken to, published to, and read. */
const wires = {
  odd: { which: 'odd', contract: odd, channel: 'room:a', make: n => ['plain.thing', n], read: event => event.data },
  world: { which: 'shipped', contract: world, channel: 'world:w1', make: n => ['place.updated', { id: `p${n}` }], read: event => Number(event.data.id.slice(1)) },
  board: { which: 'shipped', contract: board, channel: 'board:zoo', make: n => ['task.removed', { ticketId: `t${n}` }], read: event => Number(event.payload.ticketId.slice(1)) },
  store: {
    which: 'shipped', contract: store, channel: 'private-store.pizza.kds', variables: { key: storeKey }, protocol: pusher,
    make: n => ['KdsTicketUpdated', { ticket_id: n, status: 'ready', at: '2025-09-26T14:05:44Z' }], read: event => event.data.ticket_id,
    sign: async server => (await server.ask('store', '/v1/devices', { type: 'KDS', store: 'pizza', abilities: ['kds.read'] })).token
  }
}
const cases = [['odd', 'websocket'], ['odd', 'sse'], ['odd', 'poll'], ['world', 'websocket'], ['world', 'sse'], ['world', 'poll'], ['board', 'websocket'], ['board', 'sse'], ['board', 'poll'], ['store', 'websocket']]

// Most of it is waiting.
describe('goes on where it was', { concurrency: 4 }, () => {
  for (const [name, transport] of cases) {
    const { which, contract, channel, make, read, variables, protocol, sign } = wires[name]
    // C-8, C-9, G-3, K-10, K-11: killed, restarted, cut, and reloaded.
    test(`${name} over ${transport}`, limit, async () => {
      let server = await start(which)
      const wire = await line(server.url)
      const options = { url: wire.url, token: sign ? await sign(server) : ana(), transports: [transport], store: memoryStore(), ...(variables && { variables, protocol }) }
      let heard = listen(contract, options)
      heard.client.subscribe(channel, heard.hears)
      await heard.open()
      let count = 0
      const publish = async n => { for (let i = 0; i < n; i++) await server.publish(name, channel, ...make(++count)) }
      const whole = async (from = 1) => {
        await heard.until(() => heard.events.length >= count - from + 1)
        assert.deepEqual(heard.events.map(({ event }) => read(event)), Array.from({ length: count - from + 1 }, (_, i) => from + i))
        assert.deepEqual(heard.gaps, [])
      }
      // A line that is cut before anything came, too.
      wire.cut()
      await heard.until(() => heard.client.state === 'waiting')
      await publish(2)
      wire.mend()
      await whole()
      await publish(2)
      await whole()
      wire.cut()
      await publish(3)
      wire.mend()
      heard.client.wake()
      await publish(2)
      await whole()
      await server.kill()
      await heard.until(() => heard.client.state !== 'open')
      server = await start(which, server)
      await publish(3)
      await whole()
      const states = heard.states.filter(({ state }) => state === 'waiting')
      assert.ok(states.length >= 2 && states.every(({ cause }) => cause === 'network'), JSON.stringify(states))
      // Another page, with what the first one kept.
      heard.client.close()
      await publish(4)
      const from = count - 3
      heard = listen(contract, options)
      heard.client.subscribe(channel, heard.hears)
      await whole(from)
      await publish(1)
      await whole(from)
      heard.client.close()
      wire.close()
      await server.remove()
    })
  }
})

// G-3: what nobody named has a place too, before anything came; and keeps it for the next page.
for (const transport of ['websocket', 'sse', 'poll']) {
  test(`channels that come unasked go on where they were: ${transport}`, limit, async () => {
    const server = await start('shipped')
    const wire = await line(server.url)
    const options = { url: wire.url, token: ana(), transports: [transport], store: memoryStore() }
    const ids = heard => heard.events.map(({ event }) => event.payload.ticketId)
    const publish = id => server.publish('board', 'board:zoo', 'task.removed', { ticketId: id })
    await publish('before')
    const first = listen(board, options)
    first.client.on('*', first.hears)
    await first.open()
    wire.cut()
    await first.until(() => first.client.state === 'waiting')
    for (const id of ['t1', 't2']) await publish(id)
    wire.mend()
    await first.until(() => first.events.length === 2)
    await publish('t3')
    await first.until(() => first.events.length === 3)
    assert.deepEqual(ids(first), ['t1', 't2', 't3'])
    await new Promise(resolve => setTimeout(resolve, 50))
    first.client.close()
    await publish('t4')
    const second = listen(board, options)
    second.client.on('*', second.hears)
    await second.until(() => second.events.length === 1)
    await publish('t5')
    await second.until(() => second.events.length === 2)
    assert.deepEqual([ids(second), first.gaps, second.gaps], [['t4', 't5'], [], []])
    second.client.close()
    await server.remove()
  })
}

// C-8, C-9: where the contract has a word for all that was missed since a time, and no poll.
test('what comes unasked on a WebSocket goes on by `sync`', limit, async () => {
  const server = await start('shipped')
  const wire = await line(server.url)
  const heard = listen(conversation, { url: wire.url, token: token({ sub: 'ana', name: 'Ana', conversations: [] }), transports: ['websocket'] })
  const notify = text => server.publish('conversation', 'user:ana', 'notification.created', {
    id: randomUUID(), data: { kind: 'mention', conversation: 'c1', message: randomUUID(), by: 'boris', text }
  })
  heard.client.on('*', heard.hears)
  await heard.open()
  for (const texts of [['before anything came', 'and more'], ['later']]) {
    wire.cut()
    await heard.until(() => heard.client.state === 'waiting')
    for (const text of texts) await notify(text)
    wire.mend()
    heard.client.wake()
    await heard.until(() => heard.events.at(-1)?.event.payload.data.text === texts.at(-1))
  }
  await notify('live')
  await heard.until(() => heard.events.length === 4)
  assert.deepEqual(heard.events.map(({ event }) => event.payload.data.text), ['before anything came', 'and more', 'later', 'live'])
  assert.deepEqual([heard.gaps, heard.errors], [[], []])
  heard.client.close()
  await server.remove()
})

// G-3: a gap that the server's replay tells is told, whatever words the contract has for one.
test('a gap in a replay, where the contract spells gaps its own way', limit, async () => {
  let server = await start('shipped')
  const options = { url: server.url, token: ana(), transports: ['websocket'], store: memoryStore() }
  await server.publish('board', 'board:zoo', 'task.removed', { ticketId: 't1' })
  const first = listen(board, options)
  // Two, so that each is asked for by itself.
  for (const name of ['board:zoo', 'worker:w1']) first.client.subscribe(name, first.hears)
  await first.open()
  await first.until(() => first.client.position('board:zoo') !== undefined)
  await new Promise(resolve => setTimeout(resolve, 50))
  first.client.close()
  await server.kill()
  await rm(join(server.folder, 'data'), { recursive: true, force: true })
  server = await start('shipped', server)
  await server.publish('board', 'board:zoo', 'task.removed', { ticketId: 't2' })
  const second = listen(board, options)
  for (const name of ['board:zoo', 'worker:w1']) second.client.subscribe(name, second.hears)
  await second.until(() => second.gaps.length > 0 && second.events.length > 0)
  assert.deepEqual(second.gaps.map(({ channel }) => channel), ['board:zoo'])
  assert.match(second.gaps[0].reason, /reset|unknown/)
  assert.deepEqual(second.events.map(({ event }) => event.payload.ticketId), ['t2'])
  second.client.close()
  await server.remove()
})

// K-12: who is there, as it changes.
test('presence under the Pusher protocol', limit, async () => {
  const server = await start('shipped')
  const device = async () => (await server.ask('store', '/v1/devices', { type: 'KDS', store: 'pizza', abilities: ['kds.read'] })).token
  const screens = []
  for (const _ of [1, 2]) {
    const heard = listen(store, { url: server.url, token: await device(), variables: { key: storeKey }, protocol: pusher })
    heard.client.subscribe('presence-store.pizza.kds.presence', heard.hears)
    await heard.open()
    screens.push(heard)
  }
  for (const heard of screens) await heard.until(() => heard.client.members('presence-store.pizza.kds.presence').length === 2)
  screens[1].client.close()
  await screens[0].until(() => screens[0].client.members('presence-store.pizza.kds.presence').length === 1)
  assert.deepEqual(screens[0].client.members('presence-store.pizza.kds.presence').map(({ info }) => info), [{ type: 'KDS' }])
  screens[0].client.close()
  await server.remove()
})
