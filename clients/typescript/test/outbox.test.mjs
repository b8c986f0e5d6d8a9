// What a client has to say: in order, once, over lost lines and reloads.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { memoryStore } from '@tidewire/client'
import { contract as odd } from './generated/odd.mjs'
import { line, listen, start, token } from './setup.mjs'

const limit = { timeout: 120_000 }
const ana = () => token({ sub: 'ana' })
let server
before(async () => { server = await start('odd') })
after(() => server?.remove())

const said = async channel => (await server.log('odd', channel)).filter(({ type }) => type === 'say').map(({ data }) => data.id)
const say = (heard, id, channel) => heard.client.send('say', { id, text: `It is ${id}` }, { channel })

// C-2: the answer of each.
test('what is sent is answered', limit, async () => {
  const heard = listen(odd, { url: server.url, token: ana() })
  heard.client.subscribe('room:answers', heard.hears)
  await heard.open()
  const replies = await Promise.all(['a', 'b', 'c'].map(id => say(heard, id)))
  assert.deepEqual(replies.map(({ seq, duplicate }) => [seq, duplicate]), [[1, false], [2, false], [3, false]])
  // C-5: refused, with what is wrong and what can be done.
  const refused = await heard.client.send('say', { id: 'd', text: 'x'.repeat(501) }).catch(error => error)
  assert.equal(refused.code, 'INVALID_PAYLOAD')
  assert.equal(refused.details.errors[0].pointer, '/text')
  assert.ok(refused.action.length > 0)
  assert.deepEqual(await said('room:answers'), ['a', 'b', 'c'])
  await heard.until(() => heard.events.length === 3)
  heard.client.close()
})

// K-11: the queue outlives the page; it is pushed in its order, once, and before what was missed is taken in.
test('what is said without a line is said later, by the next page, once', limit, async () => {
  const channel = 'room:later'
  const wire = await line(server.url)
  const options = { url: wire.url, token: ana(), store: memoryStore(), transports: ['websocket'] }
  const first = listen(odd, options)
  first.client.subscribe(channel, first.hears)
  await first.open()
  await say(first, 'before', channel)
  // The answer may be there before the event.
  await first.until(() => first.events.length === 1)
  wire.cut()
  await first.until(() => first.client.state === 'waiting')
  const lost = ['one', 'two', 'three'].map(id => say(first, id, channel))
  await server.publish('odd', channel, 'plain.thing', 'missed')
  await first.until(() => first.client.pending.length === 3)
  const closed = Promise.all(lost.map(answer => assert.rejects(answer, { code: 'CLOSED' })))
  first.client.close()
  await closed
  const second = listen(odd, options)
  const waiting = []
  second.client.subscribe(channel, (event, about) => {
    waiting.push(second.client.pending.length)
    second.hears(event, about)
  })
  await second.until(() => second.client.pending.length === 3)
  const fourth = say(second, 'four', channel)
  wire.mend()
  assert.equal((await fourth).duplicate, false)
  await second.until(() => second.settled.length === 4 && second.events.length === 5)
  assert.deepEqual(second.settled.map(({ entry }) => entry.data.id), ['one', 'two', 'three', 'four'])
  assert.deepEqual(await said(channel), ['before', 'one', 'two', 'three', 'four'])
  assert.deepEqual(second.events.map(({ event }) => event.data.id ?? event.data), ['missed', 'one', 'two', 'three', 'four'])
  assert.equal(waiting[0], 0)
  second.client.close()
  wire.close()
})

// K-11, P-7: an answer that is lost is asked for again, and what was said is not said twice.
test('what was done and not answered is not done twice', limit, async () => {
  const channel = 'room:twice'
  const wire = await line(server.url)
  const heard = listen(odd, { url: wire.url, token: ana() })
  heard.client.subscribe(channel, heard.hears)
  await heard.open()
  wire.tamper = ({ type }, frame) => {
    if (type !== 'say.ok' || wire.opened > 1) return [frame]
    setTimeout(() => wire.cut())
    setTimeout(() => wire.mend(), 100)
    return []
  }
  const answers = await Promise.all(['a', 'b'].map(id => say(heard, id, channel)))
  assert.deepEqual(answers.map(({ duplicate }) => duplicate), [true, false])
  assert.deepEqual(await said(channel), ['a', 'b'])
  await heard.until(() => heard.events.length === 2)
  heard.client.close()
  wire.close()
})

// B-1, K-11: what goes one way only is left for what takes something, soon.
test('what is said on an event stream goes out by a WebSocket', limit, async () => {
  const wire = await line(server.url)
  wire.refuse = /upgrade: websocket/i
  const heard = listen(odd, { url: wire.url, token: ana() })
  heard.client.subscribe('room:stream', heard.hears)
  await heard.until(() => heard.client.transport === 'sse')
  const answer = say(heard, 'a', 'room:stream')
  wire.refuse = undefined
  assert.equal((await answer).seq, 1)
  assert.equal(heard.client.transport, 'websocket')
})

test('where nothing makes it the same again, nobody pretends to know', limit, async () => {
  const channel = 'room:uncertain'
  const { ref, ...send } = odd.wire.client.send
  assert.ok(ref)
  const contract = { ...odd, wire: { ...odd.wire, client: { ...odd.wire.client, send } } }
  const wire = await line(server.url)
  const heard = listen(contract, { url: wire.url, token: ana() })
  heard.client.subscribe(channel, heard.hears)
  await heard.open()
  wire.tamper = ({ type }, frame) => {
    if (type !== 'shout.ok') return [frame]
    setTimeout(() => wire.cut())
    return []
  }
  const [first, second] = ['Ahoy', 'Land'].map(word => heard.client.send('shout', word, { channel }))
  await assert.rejects(first, { code: 'UNCERTAIN' })
  wire.tamper = undefined
  wire.mend()
  // What waited behind it was not on its way: it goes out later, once.
  await second
  await heard.until(() => heard.events.length === 2)
  assert.deepEqual((await server.log('odd', channel)).map(({ data }) => data), ['Ahoy', 'Land'])
  heard.client.close()
  wire.close()
})

// C-10, C-5: RATE_LIMITED is backed off from, in order.
test('a limit is waited for', limit, async () => {
  const heard = listen(odd, { url: server.url, token: ana() })
  heard.client.subscribe('room:loud', heard.hears)
  await heard.open()
  await Promise.all([1, 2, 3, 4, 5].map(n => heard.client.send('shout', n)))
  assert.deepEqual((await server.log('odd', 'room:loud')).map(({ data }) => data), [1, 2, 3, 4, 5])
  assert.deepEqual(heard.errors, [])
  heard.client.close()
})
