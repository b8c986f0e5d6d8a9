// What becomes of a line: holes, silence, tokens that end, servers that restart, histories that are another's.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { memoryStore } from '@tidewire/client'
import { contract as odd } from './generated/odd.mjs'
import { line, listen, start, token } from './setup.mjs'

const limit = { timeout: 120_000 }
/** Seconds for which the server still takes a token that is over. */
const leeway = 30
const ana = () => token({ sub: 'ana' })

// Most of it is waiting.
describe('a line', { concurrency: 4 }, () => {
  let server
  before(async () => { server = await start('odd') })
  after(() => server?.remove())
  const room = (() => { let n = 0; return () => `room:r${++n}` })()

  // K-11: what comes twice is heard once, what is left out is fetched and comes in its place.
  test('duplicates and holes of a line that tampers', limit, async () => {
    const wire = await line(server.url)
    const channel = room()
    let dropped = 0
    wire.tamper = ({ seq }, frame) => {
      if (seq === undefined) return [frame]
      if (seq % 4 === 3 && wire.opened === 1) {
        dropped++
        return []
      }
      return [frame, frame]
    }
    const heard = listen(odd, { url: wire.url, token: ana() })
    heard.client.subscribe(channel, heard.hears)
    await heard.open()
    for (let n = 1; n <= 20; n++) await server.publish('odd', channel, 'plain.thing', n)
    await heard.until(() => heard.events.length >= 20)
    assert.deepEqual(heard.events.map(({ event }) => event.data), Array.from({ length: 20 }, (_, i) => i + 1))
    assert.ok(dropped > 0)
    assert.deepEqual([heard.gaps, heard.errors], [[], []])
    heard.client.close()
    wire.close()
  })

  // K-11, G-3: what was left out and cannot be fetched is told.
  test('a hole that cannot be filled is told', limit, async () => {
    const wire = await line(server.url)
    const channel = room()
    wire.tamper = ({ seq }, frame) => seq === 2 ? [] : [frame]
    const heard = listen(odd, { url: wire.url, token: ana() })
    heard.client.subscribe(channel, heard.hears)
    await heard.open()
    wire.refuse = /events\/since/
    for (let n = 1; n <= 3; n++) await server.publish('odd', channel, 'plain.thing', n)
    await heard.until(() => heard.events.length === 2)
    assert.equal(heard.gaps.length, 1)
    assert.deepEqual([heard.gaps[0].channel, heard.gaps[0].reason], [channel, 'hole'])
    heard.client.close()
    wire.close()
  })

  // K-18: a line that says nothing any more is left.
  test('silence is not waited out', limit, async () => {
    const wire = await line(server.url)
    const channel = room()
    const heard = listen(odd, { url: wire.url, token: ana() })
    heard.client.subscribe(channel, heard.hears)
    await heard.open()
    wire.silent = true
    await server.publish('odd', channel, 'plain.thing', 1)
    await heard.until(() => heard.states.some(({ state }) => state === 'waiting'))
    assert.match(heard.states.find(({ state }) => state === 'waiting').reason, /nothing was heard/)
    wire.silent = false
    await heard.until(() => heard.events.length === 1)
    assert.equal(wire.opened, 2)
    // A line that is only quiet is kept.
    const before = wire.opened
    await new Promise(resolve => setTimeout(resolve, 2 * odd.keepalive.ping))
    assert.equal(wire.opened, before)
    heard.client.close()
    wire.close()
  })

  // C-8: a new token before the old one ends, on the same connection.
  test('a token is refreshed in place', limit, async () => {
    const wire = await line(server.url)
    const channel = room()
    const asked = []
    const heard = listen(odd, {
      url: wire.url,
      token: about => {
        asked.push(about)
        return token({ sub: 'ana' }, asked.length === 1 ? 3 : 600)
      }
    })
    heard.client.subscribe(channel, heard.hears)
    await heard.open()
    await heard.until(() => asked.length === 2)
    await new Promise(resolve => setTimeout(resolve, 3500))
    await server.publish('odd', channel, 'plain.thing', 1)
    await heard.until(() => heard.events.length === 1)
    assert.deepEqual([wire.opened, asked, heard.errors], [1, [{ refresh: false }, { refresh: true }], []])
    heard.client.close()
    wire.close()
  })

  // C-8: after an error of the token a new one, then back, at once.
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`a token that expired is replaced: ${transport}`, limit, async () => {
      const channel = room()
      let asked = 0
      const contract = { ...odd, wire: { ...odd.wire, client: { ...odd.wire.client, refresh: undefined } } }
      const heard = listen(contract, { url: server.url, transports: [transport], token: () => token({ sub: 'ana' }, ++asked === 1 ? 3 - leeway : 600) })
      heard.client.subscribe(channel, heard.hears)
      await heard.open()
      await new Promise(resolve => setTimeout(resolve, 4000))
      // A poll that waits is asked again only when it was answered.
      await server.publish('odd', channel, 'plain.thing', 1)
      await heard.until(() => heard.events.length === 1 && asked === 2)
      assert.deepEqual(heard.states.filter(({ state }) => state === 'waiting').map(({ cause }) => cause), ['auth'])
      heard.client.close()
    })
  }

  test('a token that nobody can replace ends it', limit, async () => {
    const heard = listen(odd, { url: server.url, token: token({ sub: 'ana' }, -2 * leeway) })
    heard.client.subscribe('room:a', heard.hears)
    await heard.until(() => heard.client.state === 'closed')
    assert.match(heard.errors[0].message, /401|expired/)
  })

  // C-8: a server that stops says that it will be back.
  test('a restart is waited for', limit, async () => {
    let other = await start('odd')
    const heard = listen(odd, { url: other.url, token: ana() })
    heard.client.subscribe('room:a', heard.hears)
    await heard.open()
    await other.stop()
    await heard.until(() => heard.states.some(({ state }) => state === 'waiting'))
    assert.equal(heard.states.find(({ state }) => state === 'waiting').cause, 'restart')
    other = await start('odd', other)
    await other.publish('odd', 'room:a', 'plain.thing', 1)
    await heard.until(() => heard.events.length === 1)
    heard.client.close()
    await other.remove()
  })

  // G-3: what the history no longer has is told: from where, why, and what to do.
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`a history that is another one is told of: ${transport}`, limit, async () => {
      let other = await start('odd')
      const options = { url: other.url, token: ana(), transports: [transport], store: memoryStore() }
      let heard = listen(odd, options)
      heard.client.subscribe('room:a', heard.hears)
      await heard.open()
      for (const n of [1, 2, 3]) await other.publish('odd', 'room:a', 'plain.thing', n)
      await heard.until(() => heard.events.length === 3)
      await new Promise(resolve => setTimeout(resolve, 50))
      heard.client.close()
      await other.kill()
      await rm(join(other.folder, 'data'), { recursive: true, force: true })
      other = await start('odd', other)
      await other.publish('odd', 'room:a', 'plain.thing', 4)
      heard = listen(odd, options)
      heard.client.subscribe('room:a', heard.hears)
      await heard.until(() => heard.gaps.length === 1 && heard.events.length === 1)
      assert.equal(heard.gaps[0].channel, 'room:a')
      assert.match(heard.gaps[0].reason, /reset|unknown/)
      assert.match(heard.gaps[0].action, /refetch/)
      await other.publish('odd', 'room:a', 'plain.thing', 5)
      await heard.until(() => heard.events.length === 2)
      assert.deepEqual(heard.events.map(({ event }) => event.data), [4, 5])
      heard.client.close()
      await other.remove()
    })
  }
})
