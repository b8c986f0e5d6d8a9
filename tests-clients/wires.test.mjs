// One log, several wires: what a Pusher library publishes is an event for event streams, pages and replay, and the other way round.
// K-1, G-2
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventSource } from 'eventsource'
import PusherServer from 'pusher'
import WebSocket from 'ws'
import { serve } from './serve.mjs'

const contract = `
tidewire: 1
name: news
version: "1"
auth: { token: bearer header, principal: { id: $claims.sub } }
channels: { topic: { address: "news.{topic}" } }
wire: { protocol: pusher, event: { type: $type, seq: $seq, data: $data } }
endpoints:
  - pusher: /app/{key}
  - sse: /stream/{topic}
    subscribes: news.{topic}
  - history: /topics/{topic}
    reads: news.{topic}
    options: { after: resume }
events: { "story.*": { on: topic } }
`
const secret = 'a secret of at least thirty-two bytes'
const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = () => {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'ana', exp: Math.floor(Date.now() / 1000) + 600 })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

test('one log, several wires', { timeout: 30_000 }, async () => {
  const contracts = await mkdtemp(join(tmpdir(), 'contracts-'))
  await mkdir(join(contracts, 'news'))
  await writeFile(join(contracts, 'news', 'contract.yaml'), contract)
  const hash = createHash('sha256').update('backend').digest('hex')
  const server = await serve(`
[contracts.news]
backend_keys = ["sha256:${hash}"]
[contracts.news.pusher]
app_id = "1"
key = "news-key"
secret = "a-secret-that-is-long-enough"
[[contracts.news.auth.keys]]
algorithm = "HS256"
secret = "${secret}"
`, { contracts })
  try {
    const headers = { authorization: `Bearer ${token()}` }
    const stream = new EventSource(`${server.url}/stream/rain`, { fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }) })
    const heard = []
    let wake = () => {}
    stream.addEventListener('message', event => { heard.push(event); wake() })
    const nth = async n => { while (heard.length < n) await new Promise(resolve => { wake = resolve }); return JSON.parse(heard[n - 1].data) }
    await once(stream, 'open')
    const socket = new WebSocket(`ws://${server.host}:${server.port}/app/news-key?protocol=7`)
    const frames = []
    socket.on('message', bytes => { frames.push(JSON.parse(bytes)); wake() })
    const frame = async event => { for (;;) { const found = frames.find(frame => frame.event === event); if (found) return found; await new Promise(resolve => socket.once('message', resolve)) } }
    await frame('pusher:connection_established')
    socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel: 'news.rain' } }))
    await frame('pusher_internal:subscription_succeeded')
    const http = new PusherServer({ appId: '1', key: 'news-key', secret: 'a-secret-that-is-long-enough', host: server.host, port: server.port, useTLS: false })
    await http.trigger('news.rain', 'story.new', { n: 1 })
    assert.deepEqual(await nth(1), { type: 'story.new', seq: 1, data: { n: 1 } })
    assert.deepEqual(JSON.parse((await frame('story.new')).data), { type: 'story.new', seq: 1, data: { n: 1 } })
    const answer = await fetch(`${server.url}/v1/events`, { method: 'POST', headers: { authorization: 'Bearer backend', 'content-type': 'application/json' }, body: JSON.stringify({ channel: 'news.rain', type: 'story.changed', data: { n: 2 } }) })
    assert.equal(answer.status, 200)
    assert.deepEqual(JSON.parse((await frame('story.changed')).data), { type: 'story.changed', seq: 2, data: { n: 2 } })
    assert.equal((await nth(2)).seq, 2)
    const page = await (await fetch(`${server.url}/topics/rain?after=1`, { headers })).json()
    assert.deepEqual(page.map(({ seq }) => seq), [2])
    stream.close()
    socket.close()
  } finally {
    await server.remove()
    await rm(contracts, { recursive: true, force: true })
  }
})
