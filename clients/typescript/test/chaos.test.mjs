// Lines that are cut and pages that are loaded anew at any moment, while events go on: everything comes, once, in its order.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { memoryStore } from '@tidewire/client'
import { contract as board } from './generated/board.mjs'
import { contract as conversation } from './generated/conversation.mjs'
import { contract as odd } from './generated/odd.mjs'
import { contract as world } from './generated/world.mjs'
import { line, listen, start, token } from './setup.mjs'

const count = 250
const pause = time => new Promise(resolve => setTimeout(resolve, time))
/** Numbers from 0 to 1 that are the same for the same seed. */
const dice = seed => () => {
  seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0
  return (seed >>> 0) / 2 ** 32
}

const uuid = n => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const claims = { sub: 'ana', name: 'Ana', conversations: ['c1', 'c2'], worlds: ['w1'], role: 'zootechnician' }
/** Wires that say the channel and a `seq`, that say neither, that have one channel. */
const wires = {
  odd: { which: 'odd', contract: odd, channels: ['room:a', 'room:b', 'room:c'], make: n => ['plain.thing', n], read: event => event.data },
  conversation: { which: 'shipped', contract: conversation, channels: ['conversation:c1', 'conversation:c2'], make: n => ['message.deleted', { id: uuid(n) }], read: event => Number(event.payload.id.slice(-12)) },
  board: { which: 'shipped', contract: board, channels: ['board:zoo', 'worker:w1'], make: n => ['task.removed', { ticketId: `t${n}` }], read: event => Number(event.payload.ticketId.slice(1)) },
  world: { which: 'shipped', contract: world, channels: ['world:w1'], make: n => ['place.updated', { id: `p${n}` }], read: event => Number(event.data.id.slice(1)) }
}

// Most of it is waiting.
describe('whatever happens to the line', { concurrency: 4 }, () => {
  for (const [name, { which, contract, channels, make, read }] of Object.entries(wires)) {
    for (const transport of ['websocket', 'sse', 'poll']) {
      // G-2, G-3, K-11, B-8
      test(`${name} over ${transport}`, { timeout: 120_000 }, async t => {
        const seed = Date.now() | 0
        const random = dice(seed)
        const server = await start(which)
        const wire = await line(server.url)
        const options = { url: wire.url, token: token(claims), store: memoryStore(), transports: [transport] }
        const heard = []
        const hear = event => heard.push(read(event))
        const wrong = []
        let client
        const connect = async () => {
          client = listen({ ...contract, reconnect: { clean: 0, network: [30, 120] } }, options)
          for (const channel of channels) client.client.subscribe(channel, hear)
          await client.open()
        }
        const leave = () => {
          client.client.close()
          wrong.push(...client.gaps, ...client.errors)
        }
        await connect()
        let published = 0
        const publishing = (async () => {
          while (published < count) {
            const n = ++published
            await server.publish(name, channels[n % channels.length], ...make(n))
            if (random() < 0.2) await pause(5)
          }
        })()
        while (published < count) {
          await pause(random() * 100)
          if (random() < 0.3) {
            leave()
            await connect()
          } else {
            wire.cut()
            await pause(random() * 40)
            wire.mend()
            client.client.wake()
          }
        }
        await publishing
        await client.until(() => heard.length >= count)
        leave()
        t.diagnostic(`seed ${seed}`)
        assert.deepEqual(channels.map((_, i) => heard.filter(n => n % channels.length === i)), channels.map((_, i) => Array.from({ length: count }, (_, n) => n + 1).filter(n => n % channels.length === i)))
        assert.deepEqual(wrong, [])
        wire.close()
        await server.remove()
      })
    }
  }
})
