// The conversations' document, from the client's side.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { memoryStore } from '@tidewire/client'
import { contract } from './generated/conversation.mjs'
import { line, listen, start, token } from './setup.mjs'

const limit = { timeout: 120_000 }
const rooms = ['conversation:c1', 'conversation:c2', 'typing:c1']
const sign = sub => token({ sub, name: sub, conversations: ['c1', 'c2'] })
let server
before(async () => { server = await start('shipped') })
after(() => server?.remove())

const say = (heard, text, client_id, conversation = 'c1') => heard.client.send('message.send', { conversation, text, client_id })
const texts = heard => heard.events.filter(({ event }) => event.type === 'message.created').map(({ event }) => event.payload.data.text)

// C-2, C-5, C-7, C-8, C-9: rooms, acks and errors, and what was missed after the line broke.
test('two people talk, and one of them loses the line', limit, async () => {
  const wire = await line(server.url)
  const [ana, boris] = ['ana', 'boris'].map((who, n) => {
    const heard = listen(contract, { url: n ? wire.url : server.url, token: sign(who), store: memoryStore() })
    for (const room of rooms) heard.client.subscribe(room, heard.hears)
    return heard
  })
  await Promise.all([ana.open(), boris.open()])
  const reply = await say(ana, 'Hello', 'c-1')
  assert.equal(reply.duplicate, false)
  await boris.until(() => texts(boris).length === 1)
  // C-7: an event goes to the room that it is of, as far as the wire tells.
  assert.deepEqual(boris.events[0].about.channels, ['conversation:c1', 'conversation:c2'])
  const refused = await say(ana, 'x'.repeat(501), 'c-2').catch(error => error)
  assert.deepEqual([refused.code, refused.action], ['INVALID_PAYLOAD', 'Fix and retry'])
  wire.cut()
  await boris.until(() => boris.client.state === 'waiting')
  await say(ana, 'Are you there?', 'c-3')
  await say(ana, 'Here, too', 'c-4', 'c2')
  const answer = say(boris, 'Just a moment', 'b-1')
  wire.mend()
  boris.client.wake()
  await answer
  for (const heard of [ana, boris]) {
    await heard.until(() => texts(heard).length === 4)
    assert.deepEqual(texts(heard), ['Hello', 'Are you there?', 'Here, too', 'Just a moment'])
    assert.deepEqual(heard.gaps, [])
  }
  // C-10: all rooms were joined by one frame each time, so five joins a minute are enough.
  assert.deepEqual(boris.errors, [])
})

// C-9, G-2, G-3: whoever comes while much is said hears it in its order, from the first event on.
test('who joins in the middle of it hears it in order', limit, async () => {
  let said = 0
  let goes = true
  const saying = (async () => {
    while (goes) await server.publish('conversation', 'conversation:c2', 'message.updated', { id: randomUUID(), changes: { text: `${++said}` }, version: 2 })
  })()
  for (let round = 0; round < 6; round++) {
    const heard = listen(contract, { url: server.url, token: sign(`guest-${round}`), store: memoryStore() })
    heard.client.subscribe('conversation:c2', heard.hears)
    await heard.until(() => heard.events.length >= 30)
    const numbers = heard.events.map(({ event }) => Number(event.payload.changes.text))
    assert.deepEqual(numbers, numbers.map((_, n) => numbers[0] + n))
    heard.client.close()
  }
  goes = false
  await saying
})
