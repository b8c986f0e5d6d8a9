// The Pusher protocol by those who speak it: pusher-js, Laravel Echo and the server libraries, unmodified, against a plain app.
// K-1, K-12
import assert from 'node:assert/strict'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import EchoModule from 'laravel-echo'
import PusherServer from 'pusher'
import PusherModule from 'pusher-js'
import WebSocket from 'ws'
import { serve } from './serve.mjs'

const Pusher = PusherModule.default ?? PusherModule.Pusher ?? PusherModule
const Echo = EchoModule.default ?? EchoModule
const limit = { timeout: 30_000 }
const app = { id: '7', key: 'chat-key', secret: 'a-secret-that-is-long-enough' }
let server, http

const config = `
[apps.chat]
app_id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
client_events = true
subscription_counts = true
watchlist = true
presence_members = 3

[apps.strict]
app_id = "8"
key = "strict-key"
secret = "another-secret-that-is-long"
connections = 1
user_authentication = false
authorize_within = "1s"
activity_timeout = "1s"
`

before(async () => {
  server = await serve(config)
  http = new PusherServer({ appId: app.id, key: app.key, secret: app.secret, host: server.host, port: server.port, useTLS: false, encryptionMasterKeyBase64: randomBytes(32).toString('base64') })
})
after(() => server?.remove())

const sign = (text, secret = app.secret) => createHmac('sha256', secret).update(text).digest('hex')
/** What an application's own endpoint answers. */
const authorize = data => async ({ channelName, socketId }, callback) => {
  try {
    callback(null, http.authorizeChannel(socketId, channelName, typeof data === 'function' ? data(channelName) : data))
  } catch (error) { callback(error, null) }
}
const clients = []
const connect = (options = {}) => {
  const client = new Pusher(app.key, {
    cluster: '', wsHost: server.host, wsPort: server.port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: { customHandler: authorize() }, ...options
  })
  clients.push(client)
  return client
}
after(() => clients.forEach(client => client.disconnect()))
const withMeta = (source, name) => new Promise(resolve => source.bind(name, (data, meta) => resolve({ data, meta })))
const event = (source, name) => withMeta(source, name).then(({ data }) => data)
const connected = async client => {
  if (client.connection.state !== 'connected') await new Promise(resolve => client.connection.bind('connected', resolve))
  return client.connection.socket_id
}
const subscribed = async channel => {
  if (!channel.subscribed) {
    await new Promise((resolve, reject) => {
      channel.bind('pusher:subscription_succeeded', resolve)
      channel.bind('pusher:subscription_error', error => reject(new Error(JSON.stringify(error))))
    })
  }
  return channel
}

/** The protocol, frame by frame. */
const raw = async (path = `/app/${app.key}?protocol=7&client=test&version=1.0`, options) => {
  const socket = new WebSocket(`ws://${server.host}:${server.port}${path}`, options)
  const waiting = []; const came = []
  socket.on('message', bytes => {
    const frame = JSON.parse(bytes)
    const at = waiting.findIndex(({ wanted }) => wanted(frame))
    if (at < 0) came.push(frame); else waiting.splice(at, 1)[0].resolve(frame)
  })
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }))
  await once(socket, 'open')
  return {
    socket, closed, came,
    send: frame => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    next (wanted) {
      const test = typeof wanted === 'string' ? frame => frame.event === wanted : wanted
      const at = came.findIndex(test)
      if (at >= 0) return Promise.resolve(came.splice(at, 1)[0])
      return new Promise(resolve => waiting.push({ wanted: test, resolve }))
    },
    async established () {
      const { data } = await this.next('pusher:connection_established')
      return JSON.parse(data).socket_id
    },
    /** Whether nothing of this kind has come by the time of an answer to a ping. */
    async quiet () {
      this.send({ event: 'pusher:ping', data: {} })
      await this.next('pusher:pong')
      return came
    }
  }
}

test('a connection is established, and answers pings', limit, async () => {
  const client = await raw()
  const hello = await client.next('pusher:connection_established')
  assert.equal(typeof hello.data, 'string')
  const { socket_id: id, activity_timeout: timeout } = JSON.parse(hello.data)
  assert.match(id, /^\d+\.\d+$/)
  assert.equal(timeout, 120)
  client.send({ event: 'pusher:ping', data: {} })
  assert.deepEqual(await client.next('pusher:pong'), { event: 'pusher:pong', data: {} })
  client.socket.ping('x')
  assert.equal((await once(client.socket, 'pong'))[0].toString(), 'x')
  client.socket.close()
})

// A known mistake of other servers: every error is 4000, and the protocol's version is never looked at.
test('who cannot stay is told why by a number', limit, async () => {
  const cases = [
    ['/app/nobody?protocol=7', 4001], ['/app/?protocol=7', 4005], ['/app?protocol=7', 4005], ['/app/a/b?protocol=7', 4005],
    [`/app/${app.key}`, 4008], [`/app/${app.key}?protocol=3`, 4007], [`/app/${app.key}?protocol=8`, 4007],
    [`/app/${app.key}?protocol=x`, 4007], [`/app/${app.key}?protocol=7&version=%20`, 4006]
  ]
  for (const [path, code] of cases) {
    const client = await raw(path)
    assert.equal((await client.closed).code, code, path)
    assert.deepEqual(client.came, [], path)
  }
  for (const version of [4, 5, 6, 7]) {
    const client = await raw(`/app/${app.key}?protocol=${version}`)
    assert.match(await client.established(), /\d/)
    client.socket.close()
  }
  const plain = await fetch(`${server.url}/app/${app.key}?protocol=7`)
  assert.equal(plain.status, 426)
})

test('over quota is 4004, and a place is given back', limit, async () => {
  const first = await raw('/app/strict-key?protocol=7')
  await first.established()
  assert.equal((await (await raw('/app/strict-key?protocol=7')).closed).code, 4004)
  first.socket.close()
  await first.closed
  for (;;) {
    const again = await raw('/app/strict-key?protocol=7')
    const first = await Promise.race([again.established(), again.closed])
    again.socket.close()
    if (typeof first === 'string') break
  }
})

test('who shows no signature in time has to go, and does not come back by itself', limit, async () => {
  for (;;) {
    const client = await raw('/app/strict-key?protocol=7')
    const { code } = await client.closed
    if (code === 4004) continue
    assert.equal(code, 4009)
    break
  }
})

test('a public event reaches everybody but the one who is left out', limit, async () => {
  const [one, two] = [connect(), connect()]
  const channels = await Promise.all([one, two].map(client => subscribed(client.subscribe('news'))))
  const heard = channels.map(channel => event(channel, 'posted'))
  const answer = await http.trigger('news', 'posted', { text: 'é "q"' })
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), '{}')
  assert.deepEqual(await Promise.all(heard), [{ text: 'é "q"' }, { text: 'é "q"' }])
  const socketId = await connected(one)
  const firsts = []
  channels[0].bind('second', got => firsts.push(got))
  channels[0].bind('third', got => firsts.push(got))
  const others = event(channels[1], 'second')
  const last = event(channels[0], 'third')
  await http.trigger('news', 'second', 1, { socket_id: socketId })
  await http.trigger('news', 'third', 2)
  await others; await last
  assert.deepEqual(firsts, [2])
})

test('data stays as the publisher wrote it', limit, async () => {
  const client = await raw()
  await client.established()
  client.send({ event: 'pusher:subscribe', data: { channel: 'exact', auth: '' } })
  assert.deepEqual(await client.next('pusher_internal:subscription_succeeded'), { event: 'pusher_internal:subscription_succeeded', channel: 'exact', data: '{}' })
  for (const text of ['plain', '{"a" :  1}', '', '"\\u0001"', 'line\nbreak', '🐙']) {
    await post('/events', { name: 'as-is', channel: 'exact', data: text })
    assert.deepEqual(await client.next('as-is'), { event: 'as-is', channel: 'exact', data: text })
  }
  client.socket.close()
})

test('private channels want a signature, and say what is wrong with one', limit, async () => {
  const client = connect()
  await subscribed(client.subscribe('private-a'))
  const wrong = connect({ channelAuthorization: { customHandler: (_, callback) => callback(null, { auth: `${app.key}:0000` }) } })
  const error = await event(wrong.subscribe('private-a'), 'pusher:subscription_error')
  assert.equal(error.status, 401)
  assert.match(error.error, /HMAC SHA256 hex digest of .*private-a/)
  assert.equal(wrong.connection.state, 'connected')
  const bare = await raw()
  await bare.established()
  bare.send({ event: 'pusher:subscribe', data: { channel: 'private-a' } })
  assert.equal((await bare.next('pusher:subscription_error')).data.type, 'AuthError')
  // The signature of one connection is of no use to another.
  bare.send({ event: 'pusher:subscribe', data: { channel: 'private-a', auth: `${app.key}:${sign(`${await connected(client)}:private-a`)}` } })
  assert.equal((await bare.next('pusher:subscription_error')).data.status, 401)
  bare.socket.close()
})

// A known mistake of other servers: what is signed with a plain private channel is refused (soketi#177).
test('channel_data may be signed with a private channel', limit, async () => {
  const client = connect({ channelAuthorization: { customHandler: ({ socketId, channelName }, callback) => {
    const channelData = JSON.stringify({ anything: [1, 'é'] })
    callback(null, { auth: `${app.key}:${sign(`${socketId}:${channelName}:${channelData}`)}`, channel_data: channelData })
  } } })
  await subscribed(client.subscribe('private-with-data'))
})

test('a subscription is idempotent, and an unknown one can be ended', limit, async () => {
  const client = await raw()
  await client.established()
  for (let i = 0; i < 2; i++) {
    client.send({ event: 'pusher:subscribe', data: { channel: 'twice' } })
    await client.next('pusher_internal:subscription_succeeded')
  }
  client.send({ event: 'pusher:unsubscribe', data: { channel: 'never' } })
  await http.trigger('twice', 'once', {})
  await client.next('once')
  assert.deepEqual((await client.quiet()).filter(frame => frame.event === 'once'), [])
  client.send({ event: 'pusher:unsubscribe', data: { channel: 'twice' } })
  await client.quiet()
  await http.trigger('twice', 'once', {})
  assert.deepEqual((await client.quiet()).filter(frame => frame.event === 'once'), [])
  client.socket.close()
})

// G-5
test('what is no frame is answered, and the connection lives on', limit, async () => {
  const client = await raw()
  await client.established()
  for (const bad of ['', '{', '[]', '{"event":1}', '{"event":"pusher:subscribe"}', '{"event":"message"}', '['.repeat(100_000).slice(0, 60_000)]) {
    client.send(bad)
    const { data } = await client.next('pusher:error')
    assert.equal(data.code, null)
    assert.ok(data.message.length > 5)
  }
  for (const channel of ['', 'a b', 'a/b', 'x'.repeat(201), '#other', '#server-to-user-1']) {
    client.send({ event: 'pusher:subscribe', data: { channel } })
    assert.equal((await client.next('pusher:subscription_error')).channel, channel)
  }
  await client.quiet()
  client.socket.close()
})

// Known mistakes of other servers: numeric ids refused, joiners told of themselves, lists with doubles.
test('presence: members come once, and go with their last connection', limit, async () => {
  const as = (user_id, user_info) => ({ channelAuthorization: { customHandler: authorize({ user_id, user_info }) } })
  const one = connect(as('1', { name: 'Ana' }))
  const seen = await subscribed(one.subscribe('presence-room'))
  assert.deepEqual([seen.members.count, seen.members.me.id, seen.members.me.info.name], [1, '1', 'Ana'])
  const changes = []
  seen.bind('pusher:member_added', member => changes.push(['added', String(member.id)]))
  seen.bind('pusher:member_removed', member => changes.push(['removed', String(member.id)]))
  const two = connect(as(10, { name: 'Boris' }))
  const second = await subscribed(two.subscribe('presence-room'))
  assert.deepEqual(Object.keys(second.members.members).sort(), ['1', '10'])
  const again = connect(as(10, { name: 'Boris' }))
  await subscribed(again.subscribe('presence-room'))
  assert.equal((await (await http.get({ path: '/channels/presence-room/users' })).json()).users.length, 2)
  two.disconnect()
  const third = connect(as('3'))
  await subscribed(third.subscribe('presence-room'))
  const removed = event(seen, 'pusher:member_removed')
  again.disconnect()
  await removed
  assert.deepEqual(changes, [['added', '10'], ['added', '3'], ['removed', '10']])
  assert.equal(seen.members.count, 2)
  // presence_members = 3
  await subscribed(connect(as('4')).subscribe('presence-room'))
  const full = await event(connect(as('5')).subscribe('presence-room'), 'pusher:subscription_error')
  assert.equal(full.status, 403)
})

test('client events: between members, never back, with the sender on presence channels', limit, async () => {
  const [one, two] = ['1', 2].map(user_id => connect({ channelAuthorization: { customHandler: authorize({ user_id }) } }))
  const [mine, theirs] = await Promise.all([one, two].map(client => subscribed(client.subscribe('presence-talk'))))
  const back = []
  mine.bind('client-typing', got => back.push(got))
  const heard = withMeta(theirs, 'client-typing')
  assert.ok(mine.trigger('client-typing', { on: true }))
  const got = await heard
  assert.deepEqual(got.data, { on: true })
  assert.equal(String(got.meta.user_id), '1')
  const number = withMeta(mine, 'client-back')
  theirs.trigger('client-back', 'text')
  assert.deepEqual([(await number).meta.user_id], ['2'])
  assert.deepEqual(back, [])
  const client = await raw()
  const id = await client.established()
  const refused = async frame => { client.send(frame); return (await client.next('pusher:error')).data }
  client.send({ event: 'pusher:subscribe', data: { channel: 'open' } })
  await client.next('pusher_internal:subscription_succeeded')
  // A known mistake: client events on public channels.
  assert.equal((await refused({ event: 'client-x', channel: 'open', data: {} })).code, null)
  assert.match((await refused({ event: 'client-x', channel: 'private-not-joined', data: {} })).message, /not subscribed/)
  assert.equal((await refused({ event: 'client-x', data: {} })).code, null)
  client.send({ event: 'pusher:subscribe', data: { channel: 'private-fast', auth: `${app.key}:${sign(`${id}:private-fast`)}` } })
  await client.next(frame => frame.channel === 'private-fast')
  for (let i = 0; i < 11; i++) client.send({ event: 'client-x', channel: 'private-fast', data: i })
  assert.equal((await client.next('pusher:error')).data.code, 4301)
  await client.quiet()
  client.socket.close()
})

// A known mistake of other servers: counts are never told to clients.
test('subscription counts are told', limit, async () => {
  const client = await raw()
  await client.established()
  client.send({ event: 'pusher:subscribe', data: { channel: 'counted' } })
  const count = n => frame => frame.event === 'pusher_internal:subscription_count' && JSON.parse(frame.data).subscription_count === n
  await client.next(count(1))
  const other = await raw()
  await other.established()
  other.send({ event: 'pusher:subscribe', data: { channel: 'counted' } })
  await client.next(count(2))
  other.socket.close()
  await client.next(count(1))
  client.socket.close()
})

test('cache channels give their last server event, or say that there is none', limit, async () => {
  const client = connect()
  const channel = client.subscribe('private-cache-price')
  const miss = event(channel, 'pusher:cache_miss')
  await subscribed(channel)
  assert.deepEqual(await miss, {})
  await http.trigger('private-cache-price', 'price', { cents: 100 })
  await http.trigger('private-cache-price', 'price', { cents: 110 })
  const other = connect()
  const sender = other.subscribe('private-cache-price')
  assert.deepEqual(await event(sender, 'price'), { cents: 110 })
  sender.trigger('client-noise', {})
  await event(channel, 'client-noise')
  const late = connect().subscribe('private-cache-price')
  assert.deepEqual(await event(late, 'price'), { cents: 110 })
  const told = await (await http.get({ path: '/channels/private-cache-price', params: { info: 'cache,subscription_count' } })).json()
  assert.deepEqual([told.occupied, told.cache.data, told.subscription_count], [true, '{"cents":110}', 3])
  assert.ok(told.cache.ttl > 1700 && told.cache.ttl <= 1800)
})

test('encrypted channels stay a secret of those who share it', limit, async () => {
  const client = connect()
  const channel = await subscribed(client.subscribe('private-encrypted-vault'))
  const heard = event(channel, 'secret')
  const bare = await raw()
  const id = await bare.established()
  bare.send({ event: 'pusher:subscribe', data: { channel: 'private-encrypted-vault', auth: `${app.key}:${sign(`${id}:private-encrypted-vault`)}` } })
  await bare.next('pusher_internal:subscription_succeeded')
  await http.trigger('private-encrypted-vault', 'secret', { code: 1234 })
  assert.deepEqual(await heard, { code: 1234 })
  const opaque = JSON.parse((await bare.next('secret')).data)
  assert.deepEqual(Object.keys(opaque).sort(), ['ciphertext', 'nonce'])
  bare.socket.close()
})

const user = data => ({ userAuthentication: { customHandler: ({ socketId }, callback) => callback(null, http.authenticateUser(socketId, data)) } })

test('users sign in, get what is sent to them, and are watched', limit, async () => {
  const watcher = connect(user({ id: 'w', watchlist: ['ana', 'boris'] }))
  const events = []
  watcher.user.watchlist.bind('online', ({ user_ids: ids }) => events.push(['online', ...ids]))
  const offline = new Promise(resolve => watcher.user.watchlist.bind('offline', got => { if (got.user_ids.length === 1) resolve(got) }))
  watcher.signin()
  const ana = connect(user({ id: 'ana', user_info: { n: 1 } }))
  const hello = new Promise(resolve => ana.user.bind('hello', resolve))
  const online = new Promise(resolve => watcher.user.watchlist.bind('online', resolve))
  await connected(watcher)
  ana.signin()
  await online
  assert.deepEqual(events[0], ['online', 'ana'])
  await ana.user.signinDonePromise
  // The library joins the user's channel after it has signed in, and says nothing when it is there.
  let heard = false
  hello.then(() => { heard = true })
  while (!heard) {
    await http.sendToUser('ana', 'hello', { to: 'ana' })
    await Promise.race([hello, new Promise(resolve => setTimeout(resolve, 200))])
  }
  assert.deepEqual(await hello, { to: 'ana' })
  const gone = new Promise(resolve => ana.connection.bind('disconnected', resolve))
  const answer = await http.terminateUserConnections('ana')
  assert.equal(await answer.text(), '{}')
  await gone
  await offline
})

test('signing in: wrong signatures, other users, and presence without channel_data', limit, async () => {
  const client = await raw()
  const id = await client.established()
  const signin = (user_data, auth = `${app.key}:${sign(`${id}::user::${user_data}`)}`) => client.send({ event: 'pusher:signin', data: { auth, user_data } })
  signin('{"id":"u"}', `${app.key}:00`)
  assert.equal((await client.next('pusher:error')).data.code, 4009)
  for (const bad of ['{"id":7}', '{"id":""}', '{}', 'x', '[]']) {
    signin(bad)
    await client.next('pusher:error')
  }
  const long = JSON.stringify({ id: 'u', user_info: { n: 'U' }, watchlist: Array.from({ length: 101 }, (_, i) => `u${i}`) })
  signin(long)
  const { data } = await client.next('pusher:signin_success')
  assert.deepEqual(JSON.parse(data), { user_data: long })
  assert.equal((await client.next('pusher:error')).data.code, 4302)
  signin('{"id":"other"}')
  await client.next('pusher:error')
  client.send({ event: 'pusher:subscribe', data: { channel: '#server-to-user-other' } })
  await client.next('pusher:subscription_error')
  client.send({ event: 'pusher:subscribe', data: { channel: 'presence-signed', auth: `${app.key}:${sign(`${id}:presence-signed`)}` } })
  const joined = await client.next('pusher_internal:subscription_succeeded')
  assert.deepEqual(JSON.parse(joined.data).presence.hash, { u: { n: 'U' } })
  client.socket.close()
})

test('users do not sign in where the app does not let them', limit, async () => {
  for (;;) {
    const client = await raw('/app/strict-key?protocol=7')
    const id = await Promise.race([client.established(), client.closed.then(() => null)])
    if (id === null) continue
    const data = '{"id":"u"}'
    client.send({ event: 'pusher:signin', data: { user_data: data, auth: `strict-key:${sign(`${id}::user::${data}`, 'another-secret-that-is-long')}` } })
    assert.match((await client.next('pusher:error')).data.message, /user_authentication/)
    client.socket.close()
    return
  }
})

test('a silent connection is pinged, and ended if it does not answer', limit, async () => {
  for (;;) {
    const client = await raw('/app/strict-key?protocol=7', { autoPong: false })
    const id = await Promise.race([client.established(), client.closed.then(() => null)])
    if (id === null) continue
    // A private channel, so that it need not go for another reason.
    client.send({ event: 'pusher:subscribe', data: { channel: 'private-a', auth: `strict-key:${sign(`${id}:private-a`, 'another-secret-that-is-long')}` } })
    await client.next('pusher:ping')
    client.send({ event: 'pusher:pong', data: {} })
    await client.next('pusher:ping')
    client.socket.close()
    return
  }
})

// Replay for an unmodified pusher-js: where to go on is a wish in channel_data, which it hands on. K-10, G-3
test('pusher-js resumes where it was', limit, async () => {
  for (const text of ['a', 'b', 'c']) await http.trigger('private-log', 'line', { text })
  const since = seq => ({ channelAuthorization: { customHandler: ({ socketId, channelName }, callback) => callback(null, { ...http.authorizeChannel(socketId, channelName), channel_data: JSON.stringify({ since: seq }) }) } })
  const channel = connect(since(1)).subscribe('private-log')
  const texts = []
  channel.bind('line', ({ text }) => texts.push(text))
  await subscribed(channel)
  const last = new Promise(resolve => channel.bind('end', resolve))
  await http.trigger('private-log', 'line', { text: 'd' })
  await http.trigger('private-log', 'end', {})
  await last
  assert.deepEqual(texts, ['b', 'c', 'd'])
  const lost = connect(since(99)).subscribe('private-log')
  const gap = await event(lost, 'tidewire:gap')
  assert.deepEqual([gap.reason, gap.from, gap.to], ['unknown', '99', 0])
  const bad = await event(connect(since('x')).subscribe('private-log'), 'pusher:subscription_error')
  assert.equal(bad.status, 400)
})

// --- the HTTP interface ---

const post = (path, body, { key = app.key, secret = app.secret, id = app.id, change = query => query, md5 = true } = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const query = change({ auth_key: key, auth_timestamp: String(Math.floor(Date.now() / 1000)), auth_version: '1.0', ...(md5 && { body_md5: createHash('md5').update(text).digest('hex') }) })
  const url = `/apps/${id}${path}`
  query.auth_signature ??= sign(`POST\n${url}\n${Object.keys(query).sort().map(name => `${name}=${query[name]}`).join('&')}`, secret)
  return fetch(`${server.url}${url}?${new URLSearchParams(query)}`, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } })
}

test('requests are refused whose signature is not right', limit, async () => {
  const event = { name: 'e', channel: 'c', data: '{}' }
  assert.equal((await post('/events', event)).status, 200)
  const ago = seconds => query => ({ ...query, auth_timestamp: String(Math.floor(Date.now() / 1000) - seconds) })
  const without = name => query => { delete query[name]; return query }
  const cases = [
    { id: '99', status: 404 }, { key: 'nobody' }, { secret: 'x' }, { change: ago(601) }, { change: ago(-601) }, { change: ago(500), status: 200 },
    { md5: false }, { change: query => ({ ...query, body_md5: '0'.repeat(32) }) }, { change: query => ({ ...query, auth_version: '2.0' }) },
    { change: query => ({ ...query, auth_signature: '00' }) }, { change: query => ({ ...query, auth_timestamp: 'soon' }) },
    ...['auth_key', 'auth_timestamp', 'auth_version'].map(name => ({ change: without(name) }))
  ]
  for (const { status = 401, ...options } of cases) {
    const answer = await post('/events', event, options)
    assert.equal(answer.status, status, JSON.stringify(options) + await answer.text())
  }
  assert.equal((await fetch(`${server.url}/apps/${app.id}/events`, { method: 'POST', body: '{}' })).status, 401)
  assert.equal((await fetch(`${server.url}/apps/${app.id}/events`)).status, 405)
})

test('publishes are refused that the protocol does not allow', limit, async () => {
  const event = { name: 'e', channel: 'c', data: '{}' }
  const many = n => Array.from({ length: n }, (_, i) => `c${i}`)
  const cases = [
    [{ ...event, data: 'x'.repeat(10_241) }, 413], [{ ...event, data: 'x'.repeat(10_240) }, 200],
    [{ name: 'e', channels: many(101), data: '' }, 400], [{ name: 'e', channels: many(100), data: '' }, 200],
    [{ ...event, channel: 'a b' }, 400], [{ ...event, channel: 'a/b' }, 400], [{ ...event, channel: '' }, 400],
    // A known mistake of other servers: the protocol's own names can be published.
    [{ ...event, name: 'pusher:error' }, 400], [{ ...event, name: 'pusher_internal:member_added' }, 400], [{ ...event, name: '' }, 400],
    [{ ...event, name: 'x'.repeat(201) }, 400], [{ ...event, socket_id: 'x' }, 400], [{ ...event, socket_id: '1.2' }, 200],
    [{ name: 'e', data: '' }, 400], [{ channel: 'c', data: '' }, 400], [{ name: 'e', channel: 'c' }, 400], ['{', 400], ['[]', 400],
    [{ ...event, info: 'colour' }, 400]
  ]
  for (const [body, status] of cases) {
    const answer = await post('/events', body)
    const text = await answer.text()
    assert.equal(answer.status, status, JSON.stringify(body).slice(0, 100) + text)
    // A known mistake of other servers: {"ok":true}.
    if (status === 200) assert.equal(text, '{}')
  }
  const batch = n => ({ batch: Array.from({ length: n }, () => event) })
  assert.equal((await post('/batch_events', batch(11))).status, 400)
  const told = await post('/batch_events', { batch: [{ ...event, info: 'subscription_count' }, event] })
  assert.deepEqual(await told.json(), { batch: [{ subscription_count: 0 }, {}] })
  assert.equal(await (await post('/batch_events', batch(10))).text(), '{}')
})

test('the libraries see who is where', limit, async () => {
  const client = connect({ channelAuthorization: { customHandler: authorize({ user_id: 'u1' }) } })
  await subscribed(client.subscribe('presence-listed'))
  await subscribed(client.subscribe('listed'))
  const get = async (path, params) => { const answer = await http.get({ path, params }).catch(error => error); return [answer.status, answer.ok ? await answer.json() : null] }
  assert.deepEqual(await get('/channels', { filter_by_prefix: 'presence-l', info: 'user_count' }), [200, { channels: { 'presence-listed': { user_count: 1 } } }])
  const [, all] = await get('/channels')
  assert.deepEqual([all.channels.listed, all.channels['presence-listed']], [{}, {}])
  assert.equal((await get('/channels', { info: 'user_count' }))[0], 400)
  assert.equal((await get('/channels/listed', { info: 'user_count' }))[0], 400)
  assert.equal((await get('/channels/listed', { info: 'cache' }))[0], 400)
  assert.equal((await get('/channels/listed/users'))[0], 400)
  assert.deepEqual(await get('/channels/nobody'), [200, { occupied: false }])
  assert.deepEqual(await get('/channels/listed', { info: 'subscription_count' }), [200, { occupied: true, subscription_count: 1 }])
  assert.deepEqual(await get('/channels/presence-listed/users'), [200, { users: [{ id: 'u1' }] }])
  const told = await http.trigger(['presence-listed', 'listed'], 'e', {}, { info: 'user_count,subscription_count' })
  assert.deepEqual(await told.json(), { channels: { 'presence-listed': { user_count: 1, subscription_count: 1 }, listed: { subscription_count: 1 } } })
  const batched = await http.triggerBatch([{ channel: 'listed', name: 'e', data: { a: 1 } }])
  assert.equal(await batched.text(), '{}')
})

// It is one more wire on the same log: what came in by one door goes out by the other.
test('events are events of the channel, whoever published them', limit, async () => {
  const channel = await subscribed(connect().subscribe('both'))
  const heard = event(channel, 'ours')
  const headers = { authorization: `Bearer ${app.secret}`, 'content-type': 'application/json' }
  const answer = await fetch(`${server.url}/v1/events`, { method: 'POST', headers, body: JSON.stringify({ channel: 'both', type: 'ours', data: { n: 1 } }) })
  assert.equal(answer.status, 200)
  assert.deepEqual(await heard, { n: 1 })
  await http.trigger('both', 'theirs', { n: 2 })
  const page = await (await fetch(`${server.url}/v1/events/since?channel=both&seq=0`, { headers })).json()
  assert.equal(page.events.length, 2)
})

test('Laravel Echo: private, presence, whispers, and who is here', limit, async () => {
  const open = user_id => new Echo({ broadcaster: 'pusher', client: connect({ channelAuthorization: { customHandler: authorize({ user_id, user_info: { id: user_id } }) } }) })
  const [one, two] = [open(1), open(2)]
  const here = new Promise(resolve => one.join('room.5').here(resolve))
  assert.deepEqual(await here, [{ id: 1 }])
  const joining = new Promise(resolve => one.join('room.5').joining(resolve))
  const room = two.join('room.5')
  assert.deepEqual(await joining, { id: 2 })
  const whisper = new Promise(resolve => one.join('room.5').listenForWhisper('typing', resolve))
  await subscribed(room.subscription)
  room.whisper('typing', { name: 'two' })
  assert.deepEqual(await whisper, { name: 'two' })
  const heard = new Promise(resolve => one.private('orders.1').listen('OrderShipped', resolve))
  await subscribed(one.private('orders.1').subscription)
  await http.trigger('private-orders.1', 'App\\Events\\OrderShipped', { id: 1 })
  assert.deepEqual(await heard, { id: 1 })
  const leaving = new Promise(resolve => one.join('room.5').leaving(resolve))
  two.leave('room.5')
  assert.deepEqual(await leaving, { id: 2 })
})
