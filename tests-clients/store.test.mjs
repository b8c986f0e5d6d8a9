// The store, end to end: devices by their tokens, an unmodified pusher-js, the reference backend behind the same port.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac, createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import PusherServer from 'pusher'
import PusherModule from 'pusher-js'
import { binary } from './serve.mjs'

const Pusher = PusherModule.default ?? PusherModule.Pusher ?? PusherModule
const limit = { timeout: 40_000 }
const SKU = 'pizza-bab-el-oued'
const channelOf = name => `private-store.${SKU}.${name}`
let demo, about, store, url

before(async () => {
  demo = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--json', '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: demo.stdout }), 'line')
  about = JSON.parse(line)
  store = about.store
  url = about.url
})
after(() => demo?.kill('SIGKILL'))

const ask = async (path, { method = 'GET', token, body, headers = {} } = {}) => {
  const answer = await fetch(url + path, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body)
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) }
}
const backend = (path, options) => ask(path, { token: store.backend_key, ...options })
const device = async (type, abilities, more = {}) => {
  const { status, body } = await backend('/v1/devices', { method: 'POST', body: { type, store: SKU, abilities, ...more } })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}
const publish = async (channel, type, data, more) => {
  const { status, body } = await backend('/v1/events', { method: 'POST', body: { channel, type, data, ...more } })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const bump = n => ({ ticket_id: n, status: 'ready', at: '2026-01-01T00:00:00Z' })

const clients = []
after(() => clients.forEach(client => client.disconnect()))
/** pusher-js, with the server's own endpoint for authorization; `since` as the application would say it. */
const connect = (token, { since = {}, ...options } = {}) => {
  const { hostname, port } = new URL(url)
  const client = new Pusher(store.pusher.key, {
    cluster: '', wsHost: hostname, wsPort: port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: {
      customHandler: async ({ socketId, channelName }, callback) => {
        const { status, body } = await ask('/broadcasting/auth', { method: 'POST', token, body: { socket_id: socketId, channel_name: channelName } })
        if (status !== 200) return callback(new Error(body.detail), null)
        callback(null, since[channelName] === undefined ? body : { ...body, channel_data: JSON.stringify({ since: since[channelName] }) })
      }
    },
    ...options
  })
  clients.push(client)
  return client
}
/** The socket of a connection that is nobody's yet. */
const socket = async () => {
  const client = connect()
  await new Promise(resolve => client.connection.bind('connected', resolve))
  return client.connection.socket_id
}
const joined = channel => new Promise((resolve, reject) => {
  if (channel.subscribed) return resolve(channel)
  channel.bind('pusher:subscription_succeeded', () => resolve(channel))
  channel.bind('pusher:subscription_error', error => reject(new Error(JSON.stringify(error))))
})
const next = (channel, event) => new Promise(resolve => {
  const handler = data => { channel.unbind(event, handler); resolve(data) }
  channel.bind(event, handler)
})

// K-4: who may subscribe to what. K-3: each refusal says which check failed.
test('each kind of device joins its channels and no others', limit, async () => {
  const own = { pos: 1, kiosk: 2, kds: 3, printer: 4, back_office: 5 }
  const may = { pos: ['orders', 'printing', 'own'], kiosk: ['orders', 'own'], kds: ['kds', 'station', 'presence', 'own'], printer: ['printing', 'own'], back_office: ['devices', 'orders', 'kds', 'station', 'presence'] }
  for (const [kind, token] of Object.entries(store.tokens)) {
    const names = {
      orders: channelOf('orders'), kds: channelOf('kds'), printing: channelOf('printing'), devices: channelOf('devices'),
      station: channelOf('kds.station.grill'), presence: `presence-store.${SKU}.kds.presence`, own: `private-device.${own[kind]}.notifications`
    }
    const socketId = await socket()
    for (const [name, channel] of Object.entries(names)) {
      const { status, body } = await ask('/broadcasting/auth', { method: 'POST', token, body: { socket_id: socketId, channel_name: channel } })
      assert.equal(status === 200, may[kind].includes(name), `${kind} ${name}: ${status} ${JSON.stringify(body)}`)
      if (status === 200) assert.match(body.auth, new RegExp(`^${store.pusher.key}:[0-9a-f]{64}$`))
      else assert.deepEqual([status, body.check], [403, 'ability'], JSON.stringify(body))
    }
    const other = await ask('/broadcasting/auth', { method: 'POST', token, body: { socket_id: socketId, channel_name: 'private-store.elsewhere.orders' } })
    assert.deepEqual([other.status, other.body.check], [403, 'join'])
    assert.match(other.body.rule, /principal\.store/)
    const another = await ask('/broadcasting/auth', { method: 'POST', token, body: { socket_id: socketId, channel_name: 'private-device.99.notifications' } })
    assert.deepEqual([another.status, another.body.check], [403, 'join'])
  }
})

test('each check of authorization fails by itself, and is named', limit, async () => {
  const far = await device('KDS', ['kds.read'], { allow: ['10.1.2.0/24', '2001:db8::1'] })
  const near = await device('KDS', ['kds.read'], { allow: ['127.0.0.0/8', '::1'] })
  const blocked = await device('KDS', ['kds.read'])
  await backend(`/v1/devices/${blocked.id}`, { method: 'PATCH', body: { blocked: true } })
  const socketId = await socket()
  const try_ = (token, body = { socket_id: socketId, channel_name: channelOf('kds') }) => ask('/broadcasting/auth', { method: 'POST', token, body })
  const cases = [
    [await try_(undefined), 401, 'token'], [await try_('1|nonsense'), 401, 'token'], [await try_(blocked.token), 403, 'blocked'], [await try_(far.token), 403, 'ip'],
    [await try_(near.token, { socket_id: socketId, channel_name: channelOf('cellar') }), 404, 'channel'], [await try_(near.token, { socket_id: socketId }), 422, 'channel'],
    [await try_(near.token, { channel_name: channelOf('kds') }), 422, 'socket'], [await try_(near.token, { socket_id: 'x', channel_name: channelOf('kds') }), 422, 'socket'],
    [await try_(near.token, { socket_id: socketId, channel_name: channelOf('orders') }), 403, 'ability'],
    // What is signed for a connection that is to come would outlive the block of its device.
    [await try_(near.token, { socket_id: '1.1', channel_name: channelOf('kds') }), 404, 'socket']
  ]
  for (const [{ status, body }, wanted, check] of cases) {
    assert.deepEqual([status, body.check], [wanted, check], JSON.stringify(body))
    assert.ok(!JSON.stringify(body).includes(blocked.token) && !JSON.stringify(body).includes(far.token))
  }
  assert.equal((await try_(near.token)).status, 200)
  // As a browser sends it.
  const form = await fetch(`${url}/broadcasting/auth`, { method: 'POST', headers: { authorization: `Bearer ${near.token}` }, body: new URLSearchParams({ socket_id: socketId, channel_name: channelOf('kds') }) })
  assert.equal(form.status, 200)
  const user = await ask('/broadcasting/user-auth', { method: 'POST', token: near.token, body: { socket_id: socketId } })
  const signed = createHmac('sha256', store.pusher.secret).update(`${socketId}::user::${user.body.user_data}`).digest('hex')
  assert.equal(user.body.auth, `${store.pusher.key}:${signed}`)
  assert.deepEqual([JSON.parse(user.body.user_data).id, JSON.parse(user.body.user_data).user_info.type], [String(near.id), 'KDS'])
})

// K-7, K-8, K-9, K-17: the document's envelope, whoever made it.
test('the envelope: made for a bare payload, kept where it came whole', limit, async () => {
  const kds = connect(store.tokens.kds)
  const channel = await joined(kds.subscribe(channelOf('kds')))
  const first = next(channel, 'KdsTicketUpdated')
  const fields = { store: { id: 7, sku: SKU }, sender: { device_id: 42, device_type: 'Kiosk' }, subject: { type: 'KdsTicket', id: 1 } }
  const receipt = await publish(channelOf('kds'), 'KdsTicketUpdated', bump(1), { fields, trace: 'c-1', occurred_at: '2025-09-26T13:59:10.321Z' })
  assert.deepEqual(await first, {
    v: 1, event: 'KdsTicketUpdated', event_id: receipt.id, seq: receipt.seq, occurred_at: '2025-09-26T13:59:10.321Z', ...fields,
    correlation_id: 'c-1', data: bump(1), meta: { replay: false }
  })
  const http = new PusherServer({ appId: store.pusher.app_id, ...store.pusher, host: new URL(url).hostname, port: new URL(url).port, useTLS: false })
  const second = next(channel, 'KdsTicketUpdated')
  await http.trigger(channelOf('kds'), 'KdsTicketUpdated', bump(2))
  const made = await second
  assert.deepEqual([made.seq, made.data, made.store], [receipt.seq + 1, bump(2), null])
  assert.match(made.event_id, /^[0-9a-f-]{36}$/)
  const third = next(channel, 'KdsTicketUpdated')
  const whole = { v: 1, event: 'KdsTicketUpdated', event_id: randomUUID(), seq: 999, occurred_at: '2025-09-26T14:00:00Z', ...fields, correlation_id: 'c-2', data: bump(3), meta: { replay: true } }
  await http.trigger(channelOf('kds'), 'KdsTicketUpdated', whole)
  assert.deepEqual(await third, { ...whole, seq: receipt.seq + 2, meta: { replay: false } })
  // The same envelope again is the same event.
  await http.trigger(channelOf('kds'), 'KdsTicketUpdated', whole)
  const fourth = next(channel, 'KdsTicketUpdated')
  await http.trigger(channelOf('kds'), 'KdsTicketUpdated', bump(4))
  assert.equal((await fourth).seq, receipt.seq + 3)
  const wrong = await http.trigger(channelOf('kds'), 'KdsTicketUpdated', { ticket_id: 'x' }).catch(error => error)
  assert.equal(wrong.status, 422)
  assert.match(wrong.body, /ticket_id/)
  const unknown = await http.trigger(channelOf('kds'), 'KdsTicketEaten', {}).catch(error => error)
  assert.equal(unknown.status, 400)
  assert.match(unknown.body, /KdsTicket/)
  kds.disconnect()
})

// K-10, G-3
test('what was missed comes again, over HTTP and over an unmodified pusher-js', limit, async () => {
  const channel = channelOf('kds.station.oven')
  for (let n = 1; n <= 5; n++) await publish(channel, 'KdsTicketUpdated', bump(n))
  const page = (seq, token = store.tokens.kds) => ask(`/v1/events/since?channel=${channel}&seq=${seq}`, { token })
  const { body } = await page(2)
  assert.deepEqual(body.events.map(({ seq, meta }) => [seq, meta.replay]), [[3, true], [4, true], [5, true]])
  assert.equal((await page(0, store.tokens.printer)).status, 403)
  assert.equal((await page(0, 'x')).status, 401)
  const beyond = await page(77)
  assert.deepEqual([beyond.body.gap.reason, beyond.body.events.length], ['unknown', 5])
  const kds = connect(store.tokens.kds, { since: { [channel]: 3 } })
  const got = []
  const station = kds.subscribe(channel)
  station.bind('KdsTicketUpdated', ({ seq, meta }) => got.push([seq, meta.replay]))
  await joined(station)
  const live = new Promise(resolve => station.bind('KdsTicketUpdated', ({ seq }) => { if (seq === 7) resolve() }))
  await publish(channel, 'KdsTicketUpdated', bump(6))
  await publish(channel, 'KdsTicketUpdated', bump(7))
  await live
  assert.deepEqual(got, [[4, true], [5, true], [6, false], [7, false]])
  kds.disconnect()
})

// K-5
test('the newest connection of a device wins, and the old one stays away', limit, async () => {
  const { token } = await device('KDS', ['kds.read'])
  const first = connect(token)
  await joined(first.subscribe(channelOf('kds')))
  const states = []
  const closed = new Promise(resolve => first.connection.bind('state_change', ({ current }) => { states.push(current); if (current === 'disconnected') resolve() }))
  const code = new Promise(resolve => first.connection.bind('error', ({ data, error }) => resolve((data ?? error.data).code)))
  const second = connect(token)
  await joined(second.subscribe(channelOf('kds')))
  await closed
  assert.equal(await code, 4009)
  assert.equal(second.connection.state, 'connected')
  assert.deepEqual(states, ['disconnected'])
  second.disconnect()
})

// K-6: the limit is the device's, a reconnect does not clear it, pings leave it alone; past it an error, and nothing closes.
test('30 messages in 10 s, also over a reconnect', limit, async () => {
  const { token } = await device('KDS', ['kds.read'])
  const client = connect(token)
  await joined(client.subscribe(channelOf('kds')))
  for (let i = 0; i < 25; i++) client.send_event('pusher:unsubscribe', { channel: `nothing-${i}` })
  const pong = new Promise(resolve => client.connection.bind('message', ({ event }) => { if (event === 'pusher:pong') resolve() }))
  for (let i = 0; i < 50; i++) client.send_event('pusher:ping', {})
  await pong
  client.disconnect()
  const again = connect(token)
  await joined(again.subscribe(channelOf('kds')))
  const error = new Promise(resolve => again.connection.bind('error', ({ data, error }) => resolve(data ?? error.data)))
  for (let i = 0; i < 10; i++) again.send_event('pusher:unsubscribe', { channel: `nothing-${i}` })
  const told = await error
  assert.equal(told.code, 4301)
  assert.match(told.message, /30/)
  const live = next(again.channel(channelOf('kds')), 'KdsTicketUpdated')
  await publish(channelOf('kds'), 'KdsTicketUpdated', bump(50))
  await live
  assert.equal(again.connection.state, 'connected')
  again.disconnect()
})

test('blocking a device ends its connection at once; what another may is not touched', limit, async () => {
  const { id, token } = await device('KDS', ['kds.read'])
  const [mine, other] = [connect(token), connect((await device('KDS', ['kds.read'])).token)]
  await Promise.all([mine, other].map(client => joined(client.subscribe(channelOf('kds')))))
  const gone = new Promise(resolve => mine.connection.bind('disconnected', resolve))
  await backend(`/v1/devices/${id}`, { method: 'PATCH', body: { blocked: true } })
  await gone
  assert.equal((await ask(`/v1/events/since?channel=${channelOf('kds')}&seq=0`, { token })).status, 403)
  await backend(`/v1/devices/${id}`, { method: 'PATCH', body: { blocked: false } })
  const rotated = await backend(`/v1/devices/${id}/token`, { method: 'POST' })
  assert.equal((await ask(`/v1/events/since?channel=${channelOf('kds')}&seq=0`, { token })).status, 401)
  assert.equal((await ask(`/v1/events/since?channel=${channelOf('kds')}&seq=0`, { token: rotated.body.token })).status, 200)
  assert.equal(other.connection.state, 'connected')
  other.disconnect()
})

// K-12
test('kitchen screens see each other come and go', limit, async () => {
  const name = `presence-store.${SKU}.kds.presence`
  const devices = await Promise.all([1, 2].map(() => device('KDS', ['kds.read'])))
  const [one, two] = devices.map(({ token }) => connect(token))
  const seen = await joined(one.subscribe(name))
  assert.deepEqual([seen.members.me.id, seen.members.me.info], [String(devices[0].id), { type: 'KDS' }])
  const added = next(seen, 'pusher:member_added')
  await joined(two.subscribe(name))
  assert.equal((await added).id, String(devices[1].id))
  const listed = await backend(`/v1/channels/${name}/presence`)
  assert.equal(listed.body.members.length, 2)
  const removed = next(seen, 'pusher:member_removed')
  two.disconnect()
  assert.equal((await removed).id, String(devices[1].id))
  one.disconnect()
})

// --- the reference backend ---

const correlated = (path, token, body, headers = {}) => ask(path, { method: 'POST', token, body, headers: { 'x-correlation-id': 'corr-7', ...headers } })
const since = async (channel, seq, token = store.backend_key) => (await ask(`/v1/events/since?channel=${channel}&seq=${seq}&limit=1000`, { token })).body
const head = async channel => (await backend(`/v1/channels/${channel}`)).body.seq ?? 0

// K-9, K-14, K-17: an order becomes a ticket and papers; a bump is told once; the correlation id stays with it.
test('from the order to the table', limit, async () => {
  const [kds, orders, printing, audit] = await Promise.all([channelOf('kds'), channelOf('orders'), channelOf('printing'), 'audit'].map(head))
  const order = await correlated('/v1/orders', store.tokens.kiosk, { items: [{ name: 'Classic Burger', qty: 2, price_cents: 14000, category_id: 3, prep_station: 'grill', modifiers: ['Cheese'] }] })
  assert.equal(order.status, 201, JSON.stringify(order.body))
  assert.equal(order.headers.get('x-correlation-id'), 'corr-7')
  assert.deepEqual(order.body.order.totals_cents, { subtotal: 28000, tax: 0, total: 28000 })
  assert.match(order.body.order.number, /^[A-Z]\d{3}$/)
  const tickets = (await since(channelOf('kds'), kds)).events
  assert.deepEqual(tickets.map(({ event }) => event), ['KdsTicketCreated'])
  const { ticket } = tickets[0].data
  assert.deepEqual([ticket.order_id, ticket.status, ticket.category_ids], [order.body.order.id, 'in_preparation', [3]])
  assert.deepEqual((await since(channelOf('orders'), orders)).events.map(({ event }) => event), ['OrderCreated', 'OrderStatusChanged'])
  assert.deepEqual((await since(channelOf('printing'), printing)).events.map(({ data }) => data.print_job.type), ['customer_receipt', 'kitchen_ticket'])
  for (const { correlation_id: id, sender } of tickets) assert.deepEqual([id, sender], ['corr-7', { device_id: 2, device_type: 'Kiosk' }])

  const move = (how, to, token = store.tokens.kds, headers) => correlated(`/v1/kds/tickets/${ticket.id}/${how}`, token, { to }, headers)
  const no = async (how, to, current, allowed) => {
    const { status, body } = await move(how, to)
    assert.deepEqual([status, body.current, body.allowed], [409, current, allowed], JSON.stringify(body))
    assert.ok(body.detail.includes(`'${current}'`))
  }
  assert.deepEqual([(await move('bump', 'ready', store.tokens.kiosk)).body.check, (await move('bump', 'ready', 'x')).status], ['ability', 401])
  await no('bump', 'served', 'in_preparation', ['ready'])
  await no('undo', 'in_preparation', 'in_preparation', [])
  const before = await head(channelOf('kds'))
  const once = { 'idempotency-key': 'k1' }
  assert.equal((await move('bump', 'ready', undefined, once)).status, 200)
  assert.equal((await move('bump', 'ready', undefined, once)).body.ticket.status, 'ready')
  assert.equal(await head(channelOf('kds')), before + 1)
  await no('bump', 'ready', 'ready', ['served', 'delivered'])
  await no('undo', 'ready', 'ready', ['in_preparation'])
  assert.equal((await move('undo', 'in_preparation')).status, 200)
  assert.equal((await move('bump', 'ready')).status, 200)
  assert.equal((await move('bump', 'delivered')).status, 200)
  for (const [how, to] of [['bump', 'served'], ['bump', 'ready'], ['undo', 'ready'], ['undo', 'in_preparation']]) await no(how, to, 'delivered', [])
  const moves = (await since(channelOf('kds'), before)).events
  assert.deepEqual(moves.map(({ event, data }) => [event, data.status]), [['ready'], ['in_preparation'], ['ready'], ['delivered']].map(([to]) => ['KdsTicketUpdated', to]))
  // The order follows; the station hears of its ticket, too.
  assert.equal((await ask(`/v1/orders/${order.body.order.id}`, { token: store.tokens.pos })).body.order.status, 'delivered')
  const station = (await since(channelOf('kds.station.grill'), 0)).events
  assert.deepEqual([station[0].data.ticket.station, station.length], ['grill', 5])
  // The audit trail has every bump, with what caused it.
  const trail = (await since('audit', audit)).events
  assert.ok(trail.length >= 4 && trail.every(({ correlation_id: id }) => id === 'corr-7'), JSON.stringify(trail[0]))
  assert.equal((await ask('/v1/events/since?channel=audit&seq=0', { token: store.tokens.back_office })).status, 403)
})

// Reads for catching up, and the hand-over from a snapshot to the stream. K-14, G-3
test('lists carry their position, and take updated_since and category_ids', limit, async () => {
  await correlated('/v1/orders', store.tokens.kiosk, { items: [{ name: 'Salad', category_id: 4 }] })
  const all = await ask('/v1/kds/tickets', { token: store.tokens.kds })
  assert.equal(all.headers.get('tidewire-position'), all.body.position)
  const salads = await ask('/v1/kds/tickets?category_ids=4,99', { token: store.tokens.kds })
  assert.ok(salads.body.tickets.length >= 1 && salads.body.tickets.every(({ category_ids: ids }) => ids.includes(4)))
  const newest = all.body.tickets.map(({ updated_at: at }) => at).sort().at(-1)
  assert.equal((await ask(`/v1/kds/tickets?updated_since=${newest}`, { token: store.tokens.kds })).body.tickets.length, 0)
  await correlated('/v1/orders', store.tokens.kiosk, { items: [{ name: 'Soup' }] })
  assert.equal((await ask(`/v1/kds/tickets?updated_since=${newest}`, { token: store.tokens.kds })).body.tickets.length, 1)
  const behind = await ask(`/v1/events/since?channel=${channelOf('kds')}&after=${all.body.position}`, { token: store.tokens.kds })
  assert.deepEqual(behind.body.events.map(({ event }) => event), ['KdsTicketCreated'])
  const wrong = [['/v1/orders', {}], ['/v1/orders', { items: [] }], ['/v1/orders', { items: [{ name: '', qty: 0 }] }], ['/v1/orders', { items: [{ name: 'x' }], channel: 'pigeon' }]]
  for (const [path, body] of wrong) assert.equal((await correlated(path, store.tokens.kiosk, body)).status, 422)
})

test('print jobs are done once, by who has the printer', limit, async () => {
  const before = await head(channelOf('printing'))
  await correlated('/v1/orders', store.tokens.kiosk, { items: [{ name: 'Tea' }] })
  const [receipt, paper] = (await since(channelOf('printing'), before, store.tokens.printer)).events.map(({ data }) => data.print_job.id)
  const done = (id, how, body = {}, token = store.tokens.printer) => correlated(`/v1/print-jobs/${id}/${how}`, token, body)
  assert.equal((await done(receipt, 'complete', {}, store.tokens.kds)).body.check, 'ability')
  assert.equal((await done(receipt, 'complete')).status, 200)
  assert.deepEqual([(await done(receipt, 'fail')).status, (await done(receipt, 'complete')).body.current], [409, 'completed'])
  assert.equal((await done(paper, 'fail', { reason: 'eaten' })).status, 422)
  assert.equal((await done(paper, 'fail', { reason: 'paper_out', message: 'the roll is empty' })).status, 200)
  const events = (await since(channelOf('printing'), before + 2)).events
  assert.deepEqual(events.map(({ event, data }) => [event, data.reason]), [['PrintJobCompleted', undefined], ['PrintJobFailed', 'paper_out']])
})

// K-15 is proved with its timeout in the backend's own tests; here: online once, blocked at once.
test('heartbeats, notifications and blocking are told', limit, async () => {
  const { id, token } = await device('PrinterGateway', ['printer.read', 'device.sync'])
  const before = await head(channelOf('devices'))
  const beat = (of = id) => correlated(`/devices/${of}/heartbeat`, token, {})
  assert.equal((await beat()).status, 200)
  assert.equal((await beat()).status, 200)
  assert.deepEqual([(await beat(1)).status, (await beat(1)).body.check], [403, 'device'])
  const client = connect(token)
  const notices = await joined(client.subscribe(`private-device.${id}.notifications`))
  const heard = next(notices, 'DeviceNotification')
  const notify = body => correlated(`/devices/${id}/notify`, store.tokens.back_office, body)
  assert.equal((await notify({ title: 'Update', message: 'A new configuration', level: 'loud' })).status, 422)
  assert.equal((await notify({ title: 'Update', message: 'A new configuration', level: 'info', action: { type: 'navigate', target: 'settings/printers' } })).status, 200)
  assert.equal((await heard).data.action.target, 'settings/printers')
  const gone = new Promise(resolve => client.connection.bind('disconnected', resolve))
  assert.equal((await correlated(`/devices/${id}/status`, store.tokens.back_office, { to: 'blocked' })).status, 200)
  await gone
  const events = (await since(channelOf('devices'), before)).events.filter(({ data }) => data.device.id === id)
  assert.deepEqual(events.map(({ data }) => data.device.status), ['online', 'blocked'])
  assert.equal((await beat()).body.check, 'blocked')
})

// K-13
test('a print job does not wait behind what screens show', limit, async () => {
  const both = await device('POS', ['order.read', 'ticket.create'])
  const [orders, printing] = [await head(channelOf('orders')), await head(channelOf('printing'))]
  const status = n => ({ order_id: n, from: 'accepted', to: 'ready', at: '2026-01-01T00:00:00Z' })
  const many = Array.from({ length: 500 }, (_, n) => ({ channel: channelOf('orders'), type: 'OrderStatusChanged', data: status(n + 1) }))
  await backend('/v1/events', { method: 'POST', body: many })
  await publish(channelOf('printing'), 'PrintJobCompleted', { print_job_id: 1, at: '2026-01-01T00:00:00Z' })
  // What is behind on both gets the print job first, although it was published last; each channel keeps its order.
  const { hostname, port } = new URL(url)
  const { default: WebSocket } = await import('ws')
  const socket = new WebSocket(`ws://${hostname}:${port}/app/${store.pusher.key}?protocol=7`)
  const frames = []
  let enough
  const all = new Promise(resolve => { enough = resolve })
  const id = new Promise(resolve => socket.on('message', bytes => {
    const frame = JSON.parse(bytes)
    if (frame.event === 'pusher:connection_established') return resolve(JSON.parse(frame.data).socket_id)
    if (frame.event.startsWith('pusher')) return
    frames.push([frame.event, JSON.parse(frame.data).seq])
    if (frames.length === 501) enough()
  }))
  const auths = []
  for (const [channel, seq] of [[channelOf('orders'), orders], [channelOf('printing'), printing]]) {
    const { body } = await ask('/broadcasting/auth', { method: 'POST', token: both.token, body: { socket_id: await id, channel_name: channel } })
    auths.push({ event: 'pusher:subscribe', data: { channel, auth: body.auth, channel_data: JSON.stringify({ since: seq }) } })
  }
  // Both at once, in one segment.
  socket._socket.cork()
  auths.forEach(frame => socket.send(JSON.stringify(frame)))
  socket._socket.uncork()
  await all
  const place = frames.findIndex(([event]) => event === 'PrintJobCompleted')
  assert.ok(place < 400, `the print job came as number ${place}`)
  const seqs = frames.filter(([event]) => event === 'OrderStatusChanged').map(([, seq]) => seq)
  assert.deepEqual(seqs, Array.from({ length: 500 }, (_, n) => orders + 1 + n))
  socket.close()
})
