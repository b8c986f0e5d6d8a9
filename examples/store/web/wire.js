// The part of pusher-js that the kitchen's screen uses, where the library itself is not at hand: the Pusher protocol, version 7.
class Bindings {
  #bound = new Map()
  bind (name, callback) {
    this.#bound.set(name, [...(this.#bound.get(name) ?? []), callback])
    return this
  }

  emit (name, ...values) {
    for (const callback of this.#bound.get(name) ?? []) callback(...values)
  }
}

class Members {
  #all = new Map()
  get count () { return this.#all.size }
  each (callback) { this.#all.forEach((info, id) => callback({ id, info })) }
  begin (hash = {}) { this.#all = new Map(Object.entries(hash)) }
  add (id, info) { this.#all.set(String(id), info) }
  remove (id) { this.#all.delete(String(id)) }
}

window.Pusher = class Pusher {
  connection = Object.assign(new Bindings(), { state: 'initialized', socket_id: null })
  #channels = new Map()
  #options; #url; #socket; #quiet; #tries = 0

  constructor (key, options) {
    const { wsHost, wsPort, forceTLS } = options
    this.#options = options
    this.#url = `${forceTLS ? 'wss' : 'ws'}://${wsHost}:${wsPort}/app/${key}?protocol=7&client=kitchen&version=1.0`
    this.#connect()
  }

  subscribe (name) {
    const channel = this.#channels.get(name) ?? Object.assign(new Bindings(), { name, members: new Members() })
    this.#channels.set(name, channel)
    if (this.connection.state === 'connected') this.#join(channel)
    return channel
  }

  #state (state) {
    const previous = this.connection.state
    this.connection.state = state
    this.connection.emit('state_change', { previous, current: state })
  }

  #connect () {
    this.#state('connecting')
    const socket = this.#socket = new WebSocket(this.#url)
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data))
    socket.onclose = ({ code, reason }) => {
      clearTimeout(this.#quiet)
      // 4000–4099: not to come back by oneself.
      if (code >= 4000 && code < 4100) {
        this.connection.emit('error', { data: { code, message: reason } })
        return this.#state('disconnected')
      }
      this.#state('unavailable')
      const pause = code >= 4200 && code < 4300 ? 0 : Math.min(30_000, 1000 * 2 ** this.#tries++) * (0.5 + Math.random() / 2)
      setTimeout(() => this.#connect(), pause)
    }
  }

  #send (event, data) { this.#socket.send(JSON.stringify({ event, data })) }

  // Silence means that nobody is there: after 30 s it is asked for, 10 s later given up.
  #listen () {
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => {
      this.#send('pusher:ping', {})
      this.#quiet = setTimeout(() => this.#socket.close(), 10_000)
    }, 30_000)
  }

  #heard ({ event, channel: name, data }) {
    this.#listen()
    if (typeof data === 'string') { try { data = JSON.parse(data) } catch {} }
    const channel = this.#channels.get(name)
    switch (event) {
      case 'pusher:connection_established':
        this.#tries = 0
        this.connection.socket_id = data.socket_id
        this.#state('connected')
        this.#channels.forEach(channel => this.#join(channel))
        break
      case 'pusher:ping': return this.#send('pusher:pong', {})
      case 'pusher:pong': return
      case 'pusher:error': return this.connection.emit('error', { data })
      case 'pusher_internal:subscription_succeeded':
        channel.members.begin(data.presence?.hash)
        return channel.emit('pusher:subscription_succeeded', data)
      case 'pusher_internal:member_added':
        channel.members.add(data.user_id, data.user_info)
        return channel.emit('pusher:member_added', data)
      case 'pusher_internal:member_removed':
        channel.members.remove(data.user_id)
        return channel.emit('pusher:member_removed', data)
      default: channel?.emit(event, data)
    }
  }

  #join (channel) {
    const socketId = this.connection.socket_id
    const { customHandler } = this.#options.channelAuthorization
    customHandler({ socketId, channelName: channel.name }, (error, auth) => {
      if (error) return channel.emit('pusher:subscription_error', { error: String(error) })
      if (socketId === this.connection.socket_id) this.#send('pusher:subscribe', { channel: channel.name, ...auth })
    })
  }
}
