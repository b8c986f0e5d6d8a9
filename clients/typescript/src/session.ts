// One connection, from the moment that it is asked for until it ends.
import { endOf, type Cause, type End } from './backoff.js'
import type { Description } from './description.js'
import { find, replay, request, type Asked, type Place } from './endpoint.js'
import type { Memory } from './memory.js'
import { asTemplate, fits, kindOf, parse, put, type Values } from './text.js'
import { after } from './timer.js'
import { page, poll } from './transport/poll.js'
import { sse } from './transport/sse.js'
import type { Line } from './transport/transport.js'
import { platform, websocket } from './transport/websocket.js'
import type { ClientKind, Incoming, Wire } from './wire.js'

export type TransportName = 'websocket' | 'sse' | 'poll'

/** What a session needs of its client. */
export interface Host {
  readonly contract: Description
  readonly wire: Wire
  readonly memory: Memory
  readonly url: string
  readonly variables: Record<string, string>
  /** Which events to get. */
  readonly types: string | undefined
  /** The channels that the application wants. */
  wanted (): string[]
  /** The line stands: what waits to be said goes first, then what was missed is taken in. */
  ready (): Promise<void>
  /** `from`: where it may be from; `certain` where that is known. Whether it was an event that is new. */
  take (incoming: Incoming, from: string[], certain: boolean): boolean
}

/** Where a transport connects for what is wanted; `undefined`: it cannot. */
export const placeOf = ({ contract, wire, variables, wanted }: Host, name: TransportName): Place | undefined =>
  find(contract, name === 'websocket' && contract.wire.protocol || name, variables, wanted(), name === 'websocket' && wire.has('subscribe')) ??
    (name === 'poll' && wanted()[0] ? replay(contract) : undefined)

export const open = (host: Host, name: TransportName, token: string | undefined) => {
  const { contract, wire: { has, encode, decode, admit }, memory: { places, lacks }, url, types, variables, wanted } = host
  const isSocket = name === 'websocket'
  const canJoin = isSocket && has('subscribe')
  const at = placeOf(host, name)!
  const abort = new AbortController()
  const { signal } = abort
  /** What the connection carries; `` is what it carries without a name. */
  const channels = new Set<string>()
  /** What waits while something older is on its way: that in its order, then what came meanwhile as it came. */
  const held: [order: string, does: () => void][] = []
  let holds = 1
  const waiting = new Set<(incoming: Incoming) => void>()
  let send: Parameters<Line['open']>[0]

  const session = {
    name,
    isSocket,
    signal,
    opened: false,
    heard: Date.now(),
    ended: new Promise<End>(resolve => signal.addEventListener('abort', () => resolve(signal.reason))),

    end: (cause: Cause, reason: string): void => over({ cause, reason }),

    /** Ends it where something has not happened in time. */
    expect: (time: number, is: () => boolean): void => after(signal, time, () => { if (!is()) session.end('network', 'nothing was heard') }),

    /** Says something; whether the protocol has a word for it and the transport goes that way. */
    say (kind: ClientKind, values: Values = {}): boolean {
      const text = send && encode(kind, values)
      if (text) send!(text)
      return !!text
    },

    /** Asks after a silence. An event stream breathes once in `ping`, and polls have answers. */
    look (): void {
      const { ping } = contract.keepalive
      if (Date.now() - session.heard > ping * (isSocket ? 0.5 : 1.25)) session.probe(ping / 2)
    },

    /** Asks for a sign of life, which has to come within some milliseconds. */
    probe (patience: number): void {
      if (!session.opened) return
      const asked = Date.now()
      // Where the line cannot be asked the server is, for what the line should have brought.
      if (!session.say('ping')) {
        enter([], channels).then(isLate => {
          if (isLate && session.heard < asked) session.end('network', 'the line is late')
          session.heard = Date.now()
        }, over)
      }
      session.expect(patience, () => session.heard >= asked)
    },

    /** Takes up what is wanted, and gives up what is not any more. */
    change (): void {
      const more = missing()
      const less = [...channels].filter(name => name && name !== at.channel && !wanted().includes(name))
      if (!canJoin && (more[0] || less[0])) return session.end('clean', 'channels')
      if (!session.opened) return
      for (const channel of less) {
        channels.delete(channel)
        session.say('unsubscribe', { channel, channels: [channel] })
      }
      if (more[0]) enter(more, []).catch(over)
    }
  }
  const missing = () => wanted().filter(name => !channels.has(name))
  const over = (why: unknown) => abort.abort(endOf(why))

  /** A request to a place, as who the client is. */
  const to = (place: Place, asked: Asked, wait?: number, headers = true) => request(url, place, { ...asked, filter: types }, token, headers, wait)

  /** Where what was missed of a channel is asked for. What has no name is in the contract's own poll. */
  const source = (channel: string) => channel ? replay(contract) : find(contract, 'poll', variables, [])

  /** What is new gets a place before it is heard: its end. So it goes on there if the line breaks before its first event. */
  const anchor = (names: Iterable<string>) => Promise.all([...names].map(async name => {
    const place = source(name)
    // Who may not have it is told when it is joined.
    if (place && !places.has(name)) await page({ ...older, frame () {}, passed: after => { places.set(name, after) } }, place, name, undefined).catch(() => {})
  }))

  /** Asks for everything of a channel behind its place. */
  const fetchBehind = async (channel: string): Promise<void> => {
    const place = source(channel)
    let after = places.get(channel)
    if (place) for (let more = true; more;) ({ after, more } = await page(older, place, channel, after))
    else {
      session.say('sync', { since: after })
      // Everything behind it is told from there on, in its order: what came before the answer comes again.
      if (has('synced')) await until(({ kind }) => kind === 'synced' && !(held.length = 0))
    }
  }
  const fetchAll = (names: Iterable<string>) => Promise.all([...names].filter(name => channels.has(name)).map(fetchBehind))

  /** Does it now, or once all that is older was handed on. */
  const inOrder = (order: string, does: () => void) => { holds ? held.push([order, does]) : does() }
  const release = () => {
    if (--holds || signal.aborted) return
    held.sort(([one], [other]) => one.localeCompare(other))
    while (!holds && held[0]) held.shift()![1]()
  }

  /**
   * Joins channels by frames. What comes meanwhile waits until what was missed of them is there, and of those that are behind. Whether
   * anything was.
   */
  const enter = async (more: string[], behind: Iterable<string>) => {
    let late = [...behind, ...more].filter(name => places.has(name))
    holds++
    await anchor(more)
    for (const channel of more) channels.add(channel)
    // One frame for all, where the wire has a word for it: joins are counted.
    for (const group of has('subscribe', 'channels') && more[0] ? [more] : more.map(channel => [channel])) {
      const [channel] = group
      // A frame has one place: several channels are brought up one by one.
      const after = group[1] ? undefined : places.get(channel!)
      const admitted = await admit?.(channel!, after, endpoint => to({ endpoint, path: endpoint.path, channel: '' }, {}))
      if (admitted?.channel_data || (after && has('subscribe', 'after'))) late = late.filter(name => name !== channel)
      const left = new Set<unknown>(group)
      const isAnswered = has('subscribed')
      const answered = (isAnswered || has('pong')) && until(({ kind, values }) => {
        if (/^subscribed|error/.test(kind)) for (const name of [values.channels ?? values.channel].flat()) left.delete(name)
        // Frames are answered in their order.
        return !left.size || (!isAnswered && kind === 'pong')
      })
      session.say('subscribe', { channel, channels: group, after, ...admitted })
      if (!isAnswered) session.say('ping')
      await answered
    }
    // K-11: what waits to be said is said first, and only then is taken in what was missed.
    await host.ready()
    await fetchAll(late)
    const isLate = held.some(([order]) => order < 'behind')
    release()
    return isLate
  }

  /** Waits for a frame. */
  const until = (is: (incoming: Incoming) => boolean) => new Promise<void>(resolve => {
    const look = (incoming: Incoming) => {
      if (!is(incoming)) return
      waiting.delete(look)
      resolve()
    }
    waiting.add(look)
    session.expect(contract.keepalive.timeout, () => !waiting.has(look))
  })

  /** Whether an event may be of a channel, where the wire does not say. */
  const couldBe = (values: Values, name: string): boolean => {
    const kind = kindOf(contract, name)
    return !!kind && contract.events.some(({ type, on }) => fits(type, values.type as string) && on.includes(kind.key)) &&
      // Where the envelope tells a variable of the address, it is the channel's own.
      put(asTemplate(kind.address), variable => values[variable] ?? parse(kind.address, name)![variable]) === name
  }

  /** Takes in what came. `channel`: where it is from, if that is known; `after`: the place behind it; `isPast`: it is older than what waits. */
  const hear = (incoming: Incoming, channel = incoming.values.channel, after?: string, isPast?: boolean): void => {
    const { kind, values } = incoming
    const { id, seq, at, position } = values
    const isEvent = kind === 'event'
    const does = () => {
      const certain = !!channel || channels.size < 2
      const from = channel ? [channel as string] : [...channels].filter(name => !isEvent || couldBe(values, name))
      const [one] = from
      const hand = () => {
        if (!host.take(incoming, from, certain)) return
        // An event stream's ids are places in all its channels; any other place is one in the channel alone.
        for (const one of after ? channels : channels.has('') ? [...from, ''] : from) {
          const place = after ?? (one && certain ? position : undefined) ?? id ?? at ?? (certain ? seq : undefined)
          if (place !== undefined) places.set(one, String(place))
        }
      }
      if (isPast || !isEvent || !certain || types || !kindOf(contract, one)?.whole || !lacks(one!, seq)) return hand()
      // What was left out is asked for, and comes in its place; that it cannot be had is told.
      holds++
      held.unshift(['live', hand])
      fetchBehind(one!).catch(() => {
        if (!signal.aborted) host.take({ kind: 'gap', values: { channel: one, from: places.get(one!), to: String(seq), reason: 'hole', action: 'refetch' }, frame: {} }, from, certain)
      }).then(release)
    }

    if (signal.aborted) return
    for (const look of waiting) look(incoming)
    if (kind === 'ping') session.say('pong')
    // The time of the first frame is a place in all that comes with it.
    if (kind === 'hello' && at && channels.has('') && !places.has('')) places.set('', at as string)
    if (kind === 'error') channels.delete(channel as string)
    if (/event|gap|member/.test(kind)) inOrder(isPast ? String(at ?? '') : 'live', does)
    else does()
  }

  /** `isPast`: what it brings is older than all that waits. */
  const lineOf = (isPast: boolean): Line => ({
    signal,
    to,
    heard: () => { session.heard = Date.now() },
    frame: (frame, channel, after) => hear(decode(frame, isPast || !isSocket), channel, after, isPast),
    passed (after, channel) {
      for (const one of channel ? [channel] : channels) places.has(one) ? inOrder(isPast ? 'behind' : 'live', () => places.set(one, after)) : places.set(one, after)
    },
    open (by) {
      send = by
      start().catch(over)
    }
  })
  const line = lineOf(false)
  const older = lineOf(true)

  /** Channels that are taken up by connecting, without what was missed of them. */
  let behind: Iterable<string> = []
  const start = async () => {
    if (isSocket && has('hello')) await until(({ kind }) => kind === 'hello')
    session.opened = true
    holds--
    await enter(missing(), behind)
  }

  const run = async (): Promise<End> => {
    const { subscribe, resume, kind } = at.endpoint
    const given = subscribe || !canJoin ? wanted() : []
    for (const channel of [at.channel, ...given]) if (channel) channels.add(channel)
    if (channels.size || (canJoin && wanted()[0])) places.delete('')
    else channels.add('')
    if (kind === 'replay') return poll(line, at, [...channels].map(name => [name, places.get(name)]))
    // One place for all, where all are at the same one; else each is asked for by itself.
    const all = new Set([...channels].map(channel => places.get(channel)))
    const [after] = all.size < 2 && (!isSocket || (resume && channels.size < 2)) ? all : []
    if (!after) behind = [...channels].filter(name => places.has(name))
    if (name !== 'poll') await anchor(channels)
    const asked = { subscribe: given.join(), resume: after }
    if (name === 'poll') return poll(line, at, [[asked.subscribe, after]])
    return isSocket ? websocket(line, to(at, asked, 0, platform.headers)) : sse(line, to(at, asked), after)
  }
  run().then(over, over)
  return session
}

export type Session = ReturnType<typeof open>
