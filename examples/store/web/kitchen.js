// A kitchen's screen: a snapshot, then the events behind it, each once. `?station=oven` shows what one station makes,
// `?categories=1,3` only tickets with something of these.
import { ask } from './ask.js'
import { isMoving, move, send } from './moves.js'
import * as view from './view.js'

const asked = new URLSearchParams(location.search)
const station = asked.get('station')
const categories = (asked.get('categories') ?? '').split(',').filter(Boolean).map(Number)
const retryMs = 2000

const tickets = new Map()
// The seq of the last event that the screen has taken in, or that its snapshot has in it.
let last = 0
// Events that came while a snapshot was on its way.
let aside = null

const draw = () => {
  const isOurs = ({ category_ids: of = [] }) => !categories.length || of.some(id => categories.includes(id))
  view.tickets([...tickets.values()].filter(isOurs), isMoving, (ticket, how, to) => {
    move(ticket, how, to)
    draw()
    push()
  })
}

const remember = (channel, seq) => {
  last = seq
  localStorage.setItem(`seq/${channel}`, seq)
}

// What is true now, and from where the events go on.
const snapshot = async () => {
  const path = `/v1/kds/tickets?status=in_preparation,ready${station ? `&station=${encodeURIComponent(station)}` : ''}`
  const { store, channel, tickets: open, seq, position } = await ask(path)
  tickets.clear()
  open.forEach(ticket => tickets.set(ticket.id, ticket))
  remember(channel, seq)
  return { store, channel, position }
}

// Something is missing that will not come any more: what is true now. Events that come meanwhile wait for it.
const anew = async gap => {
  if (aside) return
  aside = []
  for (;;) {
    try {
      const { channel, position } = await snapshot()
      // A log that begins anew counts anew; what the backend knows is older than all of it.
      const epoch = text => text?.split(':')[0]
      if (gap?.position && position && epoch(gap.position) !== epoch(position)) remember(channel, gap.to)
      break
    } catch (error) {
      view.problem(error)
      await new Promise(resolve => setTimeout(resolve, retryMs))
    }
  }
  const waited = aside
  aside = null
  waited.forEach(([envelope, channel]) => take(envelope, channel))
  view.problem()
  draw()
}

// At least once: what came before is known by its seq. In order: what is behind a hole waits for a snapshot.
const take = (envelope, channel) => {
  const { event, seq, data } = envelope
  if (aside) return aside.push([envelope, channel])
  if (seq <= last) return
  if (seq > last + 1) {
    anew()
    return aside.push([envelope, channel])
  }
  remember(channel, seq)
  if (event === 'KdsTicketCreated') tickets.set(data.ticket.id, { ...data.ticket, updated_at: data.ticket.created_at })
  if (event === 'KdsTicketUpdated') {
    const ticket = tickets.get(data.ticket_id)
    if (data.status === 'served' || data.status === 'delivered') tickets.delete(data.ticket_id)
    else if (ticket) Object.assign(ticket, { status: data.status, updated_at: data.at })
    // Of a ticket that is not known, not even what is in it is known.
    else anew()
  }
  view.log(envelope)
  draw()
}

const push = () => send((ticket, refusal) => {
  view.problem(refusal)
  draw()
}).then(draw)
setInterval(push, retryMs)

const beat = async () => {
  const { id, heartbeat_within_s: within } = await ask('/devices/me')
  const once = () => ask(`/devices/${id}/heartbeat`, { method: 'POST', body: {} }).catch(() => {})
  once()
  setInterval(once, within * 1000 / 3)
}

// The server signs. What `channel_data` says beside that, where the channel is an ordinary one, is from where events go on.
const authorize = name => async ({ socketId, channelName }, callback) => {
  try {
    const signed = await ask('/broadcasting/auth', { method: 'POST', body: { socket_id: socketId, channel_name: channelName } })
    callback(null, channelName === name ? { ...signed, channel_data: JSON.stringify({ since: last }) } : signed)
  } catch (error) {
    view.problem(error)
    callback(error, null)
  }
}

const begin = async () => {
  const { key } = await ask('/kitchen/app.json')
  const { store, channel: name } = await snapshot()
  draw()
  const pusher = new Pusher(key, {
    cluster: '', wsHost: location.hostname, wsPort: location.port || 80, wssPort: location.port || 443,
    forceTLS: location.protocol === 'https:', enabledTransports: ['ws', 'wss'], disableStats: true,
    // Silence of 30 s is asked after (K-18).
    activityTimeout: 30_000, pongTimeout: 10_000,
    channelAuthorization: { customHandler: authorize(name) }
  })
  pusher.connection.bind('state_change', ({ current }) => {
    view.state(current)
    if (current === 'connected') push()
  })
  pusher.connection.bind('error', ({ error, data }) => {
    const { code, message } = error?.data ?? data ?? {}
    if (code >= 4000) view.problem(code === 4009 ? 'This device is connected elsewhere, or may not be.' : `${code} ${message}`)
  })
  view.state(pusher.connection.state)
  const channel = pusher.subscribe(name)
  for (const event of ['KdsTicketCreated', 'KdsTicketUpdated', 'MediaUpdated']) channel.bind(event, envelope => take(envelope, name))
  channel.bind('pusher:subscription_succeeded', () => { document.documentElement.dataset.joined = name })
  channel.bind('pusher:subscription_error', ({ error }) => view.problem(error))
  // The history no longer reaches back.
  channel.bind('tidewire:gap', gap => anew(gap))
  const screens = pusher.subscribe(`presence-store.${store}.kds.presence`)
  for (const event of ['pusher:subscription_succeeded', 'pusher:member_added', 'pusher:member_removed']) screens.bind(event, () => view.screens(screens.members))
  push()
  beat().catch(view.problem)
}
begin().catch(view.problem)
