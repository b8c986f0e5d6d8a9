// A client of one contract: it stays connected, and what the application hears is whole, in order and once.
import { delay, endOf, type End } from './backoff.js'
import type { Description } from './description.js'
import { TidewireError } from './errors.js'
import { memory } from './memory.js'
import type { About, Client, Gap, Options, SendOptions, State } from './options.js'
import { outbox, type Entry } from './outbox.js'
import { presence } from './presence.js'
import { open, placeOf, type Host, type Session, type TransportName } from './session.js'
import { defaultStore } from './store.js'
import { fill, fits, kindOf } from './text.js'
import { after } from './timer.js'
import { claims, left } from './token.js'
import { watch } from './watch.js'
import { templates } from './wire.js'

type Handler = (event: never, about: About) => void

/** A client of the contract; it connects at once, and stays connected until it is closed. */
export const connect = <const D extends Description>(contract: D, options: Options<D>): Client<D> => {
  const {
    url, token, identity, types, variables = {}, transports = ['websocket', 'sse', 'poll'], upgrade = 60_000,
    protocol = templates, store = defaultStore(), onError, onState, onGap, onSettled, onPresence
  } = options
  const wire = protocol(contract)
  const { has } = wire
  const remembered = memory(contract)
  const { places } = remembered
  const present = presence(contract)
  /** Who hears what: a channel, or types of events. */
  const listeners = new Set<readonly [isChannel: boolean, name: string, handler: Handler]>()
  /** Transports that stood before: they get more than one try. */
  const stood = new Set<TransportName>()
  const abort = new AbortController()
  const { signal } = abort
  const canRefresh = typeof token === 'function'
  let state: State = 'connecting'
  /** The token of now. */
  let sign: string | undefined
  let session: Session | undefined
  /** What was fallen back to. */
  let fallen: TransportName | undefined
  /** How often a better transport was tried in vain for something that waits to be said. */
  let tries = 0
  let sleeping: (() => void) | undefined
  /** Under what this client keeps what outlives it, once that is known. */
  let kept = ''
  let saving: unknown

  /** What the application does wrong in a handler is not this client's end. */
  const call = <Arguments extends unknown[]>(handler: ((...of: Arguments) => void) | undefined, ...of: Arguments): void => {
    try {
      handler?.(...of)
    } catch (cause) {
      if (handler !== onError as unknown) failed('HANDLER')(cause)
    }
  }
  const tell = (error: TidewireError) => call(onError as never, error)
  const failed = (code: string) => (cause: unknown) => tell(new TidewireError(code, String(cause), undefined, { cause }))
  const become = (next: State, about?: End) => {
    if (state === next || state === 'closed') return
    state = next
    call(onState, state, { transport: session?.name, ...about })
  }

  /** The token for the next connection. */
  const renewed = async (refresh: boolean) => {
    refresh ||= left(sign) <= 0
    if (!canRefresh) sign = token
    else if (sign === undefined || refresh) sign = await token({ refresh })
    return sign
  }

  const load = async (name: string) => {
    try {
      return JSON.parse(await store.get(kept + name) ?? '[]')
    } catch { /* Something else lies there. */
      return []
    }
  }
  const keep = async (name: string, list: unknown) => {
    try {
      if (kept) await store.set(kept + name, JSON.stringify(list))
    } catch (cause) {
      failed('STORE')(cause)
    }
  }
  const write = () => {
    saving = undefined
    keep('places', [...places])
  }
  /** Writes the places down, once for all events of a turn. */
  const save = () => { saving ??= setTimeout(write) }

  const said = outbox(entries => void keep('outbox', entries), entry => {
    const { type, data, channel, key, trace } = entry
    if (state !== 'open' || !session?.isSocket) return false
    const fitting = host.wanted().filter(name => contract.sends.some(event => fits(event.type, type) && event.on.includes(kindOf(contract, name)!.key)))
    session.expect(contract.keepalive.timeout, () => said.flying() !== entry)
    // Where the protocol has no answer, there is none to wait for.
    if (!has('ack')) queueMicrotask(() => said.done({}))
    return session.say('send', { type, data, channel: channel ?? (fitting[1] ? undefined : fitting[0]), key, trace })
  }, (entry, outcome) => call(onSettled, entry, outcome))

  const host: Host = {
    contract,
    wire,
    memory: remembered,
    url,
    variables,
    types,
    wanted: () => [...new Set([...listeners].flatMap(([isChannel, name]) => isChannel ? name : []))],

    async ready () {
      stood.add(session!.name)
      if (state !== 'open') renew()
      become('open')
      save()
      said.push()
      if (!session!.isSocket) return
      tries = 0
      await said.emptied(session!.signal)
    },

    take (incoming, from, certain) {
      const { kind, values, frame } = incoming
      const { code = 'ERROR', message = '', type, channel, position, errors, action, reply } = values as { [name: string]: string | undefined }
      for (const name of from) if (present.take(incoming, name)) call(onPresence, name, present.of(name))
      if (kind === 'event') {
        if (!remembered.isNew(values, certain ? from[0] : undefined)) return false
        save()
        const about = { type: type!, channels: from, transport: session!.name }
        const hear = [...listeners].flatMap(([isChannel, name, handler]) => (isChannel ? from.includes(name) : fits(name, type!)) ? handler : [])
        if (remembered.isNewest(values)) for (const handler of new Set(hear)) call(handler, frame as never, about)
        return true
      }
      // There is one on its way at most.
      const flying = said.flying()
      const isOurs = flying && !channel && (!type || type === flying.type)
      const error = new TidewireError(code, message, action ?? contract.errors[code], { channel, type, errors } as object)
      if (kind === 'refreshed') renew()
      else if (kind === 'gap') {
        remembered.reset(channel!, position)
        save()
        call(onGap, values as unknown as Gap)
      } else if (kind === 'ack') {
        if (isOurs) said.done({ reply })
      } else if (/refused|error/.test(kind)) {
        if (!isOurs) tell(error)
        else if (code === 'RATE_LIMITED' || (flying.key !== undefined && /^(UNAVAILABLE|RESTARTING)$/.test(code))) said.pause(Number(/\d+(?= ms)/.exec(message) ?? 1000))
        else said.done({ error })
      }
      return false
    }
  }

  /** Gives a transport up for a better one, sooner where something waits to be said: events come on each, and only one takes what is sent. */
  const improve = ({ signal, end }: Session) =>
    after(signal, said.entries()[0] ? Math.min(upgrade, 500 * 2 ** tries++) : upgrade, () => end('clean', 'upgrade'))

  /** A new token before the old one expires, where the wire has a frame for it. */
  const renew = () => {
    const { signal, say, isSocket } = session!
    const time = left(sign)
    if (time && has('refresh') && canRefresh && isSocket) {
      after(signal, Math.max(0, time - Math.min(60_000, time / 5)), () => renewed(true).then(token => say('refresh', { token }), failed('UNAUTHORIZED')))
    }
  }

  const sleep = (time: number) => new Promise<void>(resolve => after(signal, time, sleeping = resolve))
  const wake = () => {
    sleeping?.()
    session?.probe(5000)
  }
  /** Something about the channels changed; what is asked for in one breath is taken up together. */
  const change = () => {
    if (session) queueMicrotask(session.change)
    else sleeping?.()
  }
  const closed = () => new TidewireError('CLOSED', 'closed')
  const close = (): void => {
    if (state === 'closed') return
    become('closed')
    session?.end('ended', 'closed')
    abort.abort()
    write()
    sleeping?.()
    said.abandon(closed())
  }

  /** One connection, until it ends. */
  const once = async (name: TransportName, refresh: boolean): Promise<End> => {
    const token = await renewed(refresh)
    if (!kept) {
      kept = ['tidewire', contract.name, url, Object.values(variables), identity ?? claims(token).sub, ''].join('/')
      for (const [channel, place] of await load('places')) if (!places.has(channel)) places.set(channel, place)
      // Of several pages with one store, one sends what is kept: whoever comes first, then the next.
      const adopt = async () => said.adopt(await load('outbox'))
      const adopted = globalThis.navigator?.locks?.request(kept, { signal }, async () => {
        await adopt()
        await new Promise(resolve => signal.addEventListener('abort', resolve))
      }).catch(() => {}) ?? adopt()
      // Where nobody has it, what was left is there before the first connection.
      await Promise.race([adopted, sleep(50)])
    }
    if (signal.aborted) throw signal.reason
    session = open(host, name, token)
    session.expect(15_000, () => state === 'open')
    if (fallen) improve(session)
    return session.ended
  }

  /** Connects, and again, until it is closed (B-1, C-8). */
  const run = async () => {
    watch(() => session?.look(), wake, signal, contract.keepalive.ping / 4)
    let failures = 0
    let refresh = false
    while (!signal.aborted) {
      become('connecting')
      const usable = transports.filter(name => placeOf(host, name))
      const at = Math.max(0, usable.indexOf(fallen!))
      const name = usable[at]
      if (!name) {
        // Nothing says yet which channel it is about: somebody will subscribe.
        await sleep(Infinity)
        continue
      }
      const end: End = await once(name, refresh).catch(endOf)
      const { cause, reason } = end
      const opened = session?.opened
      session = undefined
      said.broke()
      present.forget()
      if (signal.aborted) return
      if (cause === 'ended' || (cause === 'auth' && !canRefresh)) {
        tell(new TidewireError('NOT_ALLOWED', reason, contract.errors.UNAUTHORIZED))
        return close()
      }
      // A transport that does not come to stand gives way to the next; one that stood before gets more tries.
      const falls = !opened && cause !== 'auth' && failures > (stood.has(name) ? 2 : -1)
      const next = falls && usable[at + 1]
      fallen = next || (falls || cause === 'clean' ? undefined : fallen)
      failures = opened ? Number(/network|restart/.test(cause)) : failures + (next ? 0 : 1)
      // A browser does not say why a WebSocket was refused: it may have been the token.
      refresh = cause === 'auth' || (!opened && failures > 1)
      become('waiting', end)
      await sleep(next ? 0 : delay(contract.reconnect, cause, failures))
    }
  }

  const listen = (...listener: readonly [boolean, string, Handler]) => {
    listeners.add(listener)
    if (listener[0]) change()
    return () => {
      listeners.delete(listener)
      if (listener[0]) change()
    }
  }
  const seek = (channel: string, position: string): void => {
    remembered.reset(channel, position)
    save()
  }

  options.signal?.addEventListener('abort', close)
  if (options.signal?.aborted) close()
  queueMicrotask(run)

  return {
    get state () { return state },
    get transport () { return state === 'open' ? session?.name : undefined },
    get pending () { return said.entries() },
    members: present.of,
    position: channel => places.get(channel),
    seek,
    wake,
    close,
    on: (type: string, handler: Handler) => listen(false, type, handler),

    subscribe (channel: string, handler: Handler, { after } = {}) {
      if (!kindOf(contract, channel)) throw new TidewireError('NOT_FOUND', `no channel '${channel}'`, undefined, { channel })
      if (after !== undefined) seek(channel, after)
      return listen(true, channel, handler)
    },

    async send (type: string, data: unknown, options: SendOptions = {}) {
      if (state === 'closed') throw closed()
      const id = crypto.randomUUID()
      const template = contract.sends.find(event => fits(event.type, type))?.key
      const key = options.key ?? (has('send', 'key') ? id : template && String(fill(template, { data, principal: claims(sign) })))
      const answer = said.add({ id, type, data, ...options, key } as Entry)
      if (state === 'open' && session && !session.isSocket && !said.entries()[1]) improve(session)
      return answer
    }
  } as Client<D>
}
