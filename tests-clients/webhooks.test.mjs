// Webhooks: told once what stays, again and again until it is taken, also by the next process. K-1
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import PusherServer from 'pusher'
import WebSocket from 'ws'
import { serve } from './serve.mjs'

const limit = { timeout: 60_000 }
const app = { id: '7', key: 'hook-key', secret: 'a-secret-that-is-long-enough' }
const sign = text => createHmac('sha256', app.secret).update(text).digest('hex')

/** One who is told; `status` is what it answers. */
const receiver = async (port = 0) => {
  const told = []
  const state = { status: 200, requests: 0, bad: [] }
  let wake = () => {}
  const server = createServer(async (request, answer) => {
    let body = ''
    for await (const part of request) body += part
    state.requests++
    state.headers = request.headers
    if (request.headers['x-pusher-key'] !== app.key || request.headers['x-pusher-signature'] !== sign(body)) state.bad.push(body)
    const { time_ms: time, events } = JSON.parse(body)
    if (!Number.isInteger(time)) state.bad.push(body)
    answer.writeHead(state.status).end()
    if (state.status === 200) told.push(...events)
    wake()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    told, state,
    port: server.address().port,
    async until (enough) { while (!enough()) await new Promise(resolve => { wake = resolve; setTimeout(resolve, 100) }) },
    close: () => new Promise(resolve => { server.closeAllConnections(); server.close(resolve) })
  }
}

const config = (port, more = '') => `
[apps.hooks]
app_id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
client_events = true
subscription_counts = true
[[apps.hooks.webhooks]]
url = "http://127.0.0.1:${port}/hook?a=b"
debounce = "500ms"
headers = { Authorization = "Bearer of-the-hook" }
${more}
`

const open = async server => {
  const socket = new WebSocket(`ws://${server.host}:${server.port}/app/${app.key}?protocol=7`)
  const frames = []
  let wake = () => {}
  socket.on('message', bytes => { frames.push(JSON.parse(bytes)); wake() })
  const next = async wanted => {
    for (;;) {
      const at = frames.findIndex(wanted)
      if (at >= 0) return frames.splice(at, 1)[0]
      await new Promise(resolve => { wake = resolve })
    }
  }
  const id = JSON.parse((await next(({ event }) => event === 'pusher:connection_established')).data).socket_id
  const join = async (channel, channelData) => {
    const auth = `${app.key}:${sign([id, channel, channelData].filter(part => part !== undefined).join(':'))}`
    socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } }))
    await next(frame => frame.event === 'pusher_internal:subscription_succeeded' && frame.channel === channel)
  }
  return { socket, id, join, leave: channel => socket.send(JSON.stringify({ event: 'pusher:unsubscribe', data: { channel } })), send: frame => socket.send(JSON.stringify(frame)) }
}

test('what happens on channels is told, as documented and signed', limit, async () => {
  const hook = await receiver()
  const server = await serve(config(hook.port))
  try {
    const one = await open(server)
    await one.join('presence-a', '{"user_id":"u1"}')
    const two = await open(server)
    await two.join('presence-a', '{"user_id":2}')
    one.send({ event: 'client-hi', channel: 'presence-a', data: { n: 1 } })
    one.send({ event: 'client-text', channel: 'presence-a', data: 'as it is' })
    await hook.until(() => hook.told.length >= 5)
    assert.deepEqual(hook.told, [
      { name: 'channel_occupied', channel: 'presence-a' },
      { name: 'member_added', channel: 'presence-a', user_id: 'u1' },
      { name: 'member_added', channel: 'presence-a', user_id: '2' },
      { name: 'client_event', channel: 'presence-a', event: 'client-hi', data: '{"n":1}', socket_id: one.id, user_id: 'u1' },
      { name: 'client_event', channel: 'presence-a', event: 'client-text', data: 'as it is', socket_id: one.id, user_id: 'u1' }
    ])
    hook.told.length = 0
    await two.join('cache-b')
    await hook.until(() => hook.told.length >= 3)
    assert.deepEqual(hook.told, [
      { name: 'channel_occupied', channel: 'cache-b' },
      { name: 'subscription_count', channel: 'cache-b', subscription_count: 1 },
      { name: 'cache_miss', channel: 'cache-b', data: '{}' }
    ])
    hook.told.length = 0
    // Away for a moment is not away.
    two.leave('presence-a')
    await two.join('presence-a', '{"user_id":2}')
    one.socket.close()
    two.socket.close()
    await hook.until(() => hook.told.some(({ name, channel }) => name === 'channel_vacated' && channel === 'presence-a'))
    const left = hook.told.filter(({ channel }) => channel === 'presence-a')
    assert.deepEqual(left.map(({ name }) => name).sort(), ['channel_vacated', 'member_removed', 'member_removed'])
    assert.equal(left.at(-1).name, 'channel_vacated')
    assert.deepEqual(hook.state.bad, [])
    assert.equal(hook.state.headers.authorization, 'Bearer of-the-hook')
    // The library that receives them takes them for what they are.
    const library = new PusherServer({ appId: app.id, key: app.key, secret: app.secret, host: 'x' })
    const body = JSON.stringify({ time_ms: 1, events: [] })
    assert.ok(library.webhook({ headers: { 'x-pusher-key': app.key, 'x-pusher-signature': sign(body), 'content-type': 'application/json' }, rawBody: body }).isValid())
  } finally {
    await server.remove()
    await hook.close()
  }
})

test('what is not taken is sent again, in order, also by the next process', limit, async () => {
  let hook = await receiver()
  hook.state.status = 500
  const server = await serve(config(hook.port, 'events = ["channel_occupied", "channel_vacated"]\nchannel_prefix = "room"'))
  let again
  try {
    const client = await open(server)
    for (let i = 0; i < 60; i++) await client.join(`room-${i}`)
    await client.join('elsewhere')
    await hook.until(() => hook.state.requests >= 2)
    await hook.close()
    await server.kill()
    hook = await receiver(hook.port)
    again = await serve(config(hook.port, 'events = ["channel_occupied", "channel_vacated"]\nchannel_prefix = "room"'), { folder: server.folder })
    // Somebody comes back to one of them, the others are empty since the kill.
    const back = await open(again)
    await back.join('room-7')
    await hook.until(() => hook.told.filter(({ name }) => name === 'channel_vacated').length >= 59)
    const of = kind => hook.told.filter(({ name }) => name === kind).map(({ channel }) => channel)
    assert.deepEqual([...new Set(of('channel_occupied'))], Array.from({ length: 60 }, (_, i) => `room-${i}`))
    assert.ok(!of('channel_vacated').includes('room-7') && !of('channel_vacated').includes('elsewhere'))
    assert.deepEqual(hook.state.bad, [])
    assert.ok(hook.state.requests < 40, `${hook.state.requests} requests for 119 events`)
  } finally {
    await (again ?? server).remove()
    await hook.close()
  }
})

test('what nobody takes is given up, and what follows goes on', limit, async () => {
  const hook = await receiver()
  hook.state.status = 503
  const server = await serve(config(hook.port, 'retry_for = "1s"\nevents = ["channel_occupied"]'))
  try {
    const client = await open(server)
    await client.join('first')
    const waiting = async () => (await (await fetch(`${server.metrics}/metrics`)).text()).match(/tidewire_webhooks_dropped_total\{[^}]*\} (\d+)/)?.[1]
    while (await waiting() !== '1') await new Promise(resolve => setTimeout(resolve, 100))
    hook.state.status = 200
    await client.join('second')
    await hook.until(() => hook.told.length >= 1)
    assert.deepEqual(hook.told, [{ name: 'channel_occupied', channel: 'second' }])
  } finally {
    await server.remove()
    await hook.close()
  }
})
