// Odd shapes 1.0.0. Made by `tidewire gen typescript`: change the contract, not this file.

/** An event in the envelope of this contract. */
export interface BaseEvent<T extends string, P = unknown> {
  type: T
  id: string
  seq: number
  channel: string
  at: string
  data: P
}

/** Who a client is. */
export interface Principal {
  id: string | number
}

/** What can go wrong. */
export type ErrorCode = 'INVALID_PAYLOAD' | 'UNAUTHORIZED' | 'RATE_LIMITED' | 'NOT_FOUND' | 'CONFLICT' | 'TOO_DEEP' | 'UNAVAILABLE' | 'RESTARTING'

/** One thing wrong with a payload. */
export interface Violation {
  /** JSON pointer into the payload; empty for the whole of it. */
  pointer: string
  rule: string
  found: string
  message: string
}

/** What became of a client's event that was published. */
export interface Reply {
  id: string
  seq: number
  at: string
  duplicate: boolean
}

/** A shape */
export type ShapeMade = {
  /** at least 1 item */
  tags: [('red' | 'green' | 3 | null), ...('red' | 'green' | 3 | null)[]]
  /**
   * From there on, as many points as it takes
   * at least 1 item
   */
  path?: [string, boolean?, ...number[]]
  /**
   * at most 20 characters
   * @deprecated
   */
  note?: string | null
  extra?: Record<string, number>
  mixed?: {
    one: string
    [name: `x-${string}`]: boolean
  }
  named?: {
    first?: string
    second?: boolean
    [name: string]: number | string | boolean | undefined
  }
  both?: Owner & {
    /** format date */
    since: string
    [name: string]: unknown
  }
  empty?: Record<string, never>
  'it\'s "quoted"'?: 'it\'s'
  anything?: unknown
  nothing?: never
  [name: string]: unknown
} & ({
  kind: 'circle'
  /** at least 0 */
  radius: number
} | {
  kind: 'box'
  /** at least 2 items */
  size: [number, number]
})

/** Whose it is */
export interface Owner {
  name: string
  boss?: Owner
  [name: string]: unknown
}

export interface TreeGrown {
  /** a whole number */
  value: number
  left?: TreeGrown
  right?: TreeGrown | null
  owner?: Owner
}

export interface Say {
  /** at least 1 character */
  id: string
  /** at most 500 characters */
  text: string
  to?: string
}

export type PlainThing = unknown

export type Shout = unknown

export type Odd = ShapeMade

export type ShapeMadeEvent = BaseEvent<'shape.made', ShapeMade>
export type TreeGrownEvent = BaseEvent<'tree.grown', TreeGrown>
export type PlainThingEvent = BaseEvent<'plain.thing', PlainThing>
export type SayEvent = BaseEvent<'say', Say>
export type ShoutEvent = BaseEvent<'shout', Shout>
export type OddEvent = BaseEvent<`odd.${string}`, Odd>

/** What a client may hear, by its type: exact types first. */
export type Events = [
  ['shape.made', ShapeMadeEvent],
  ['tree.grown', TreeGrownEvent],
  ['plain.thing', PlainThingEvent],
  ['say', SayEvent],
  ['shout', ShoutEvent],
  [`odd.${string}`, OddEvent]
]

export type ChannelName = 'room:lobby' | `room:${string}`

/** What each channel carries: a name is that of the first address that fits it. */
export type Channels = [
  ['room:lobby', ShapeMadeEvent | SayEvent],
  [`room:${string}`, ShapeMadeEvent | TreeGrownEvent | PlainThingEvent | SayEvent | ShoutEvent | OddEvent]
]

/** A client's event, as it goes over the wire. */
export interface BaseClientEvent<T extends string, P = unknown> {
  type: T
  channel?: ChannelName
  ref?: string
  data: P
}

export type SayClientEvent = BaseClientEvent<'say', Say>
export type ShoutClientEvent = BaseClientEvent<'shout', Shout>

/** What a client sends. */
export type ClientEvent = SayClientEvent | ShoutClientEvent

/** What a client sends, by its type: the payload, and what it is answered. */
export type Sends = [
  ['say', { data: Say; reply: Reply }],
  ['shout', { data: Shout; reply: Reply }]
]

export type HelloFrame = {
  type: 'hello'
  connection: string
  at: string
}

export type SubscribedFrame = {
  type: 'joined'
  channel: string
  position: string
}

export type SayAck = {
  type: 'say.ok'
  ref: string | null
  reply: Reply
}

export type ShoutAck = {
  type: 'shout.ok'
  ref: string | null
  reply: Reply
}

export type SayRefused = {
  type: 'say.no'
  ref: string | null
  code: ErrorCode
  message: string
  errors: Violation[]
}

export type ShoutRefused = {
  type: 'shout.no'
  ref: string | null
  code: ErrorCode
  message: string
  errors: Violation[]
}

export type ErrorFrame = {
  type: 'error'
  code: ErrorCode
  message: string
  channel: string | null
}

export type PongFrame = {
  type: 'pong'
}

export type RefreshedFrame = {
  type: 'refreshed'
  expires: string | null
}

export type GapFrame = {
  type: 'gap'
  channel: string
  from: string
  to: string
  reason: string
  action: string
  position: string
}

/** What a client receives: events, answers, errors and what the server says of itself. */
export type ServerEvent =
  | ShapeMadeEvent
  | TreeGrownEvent
  | PlainThingEvent
  | SayEvent
  | ShoutEvent
  | OddEvent
  | HelloFrame
  | SubscribedFrame
  | SayAck
  | ShoutAck
  | SayRefused
  | ShoutRefused
  | ErrorFrame
  | PongFrame
  | RefreshedFrame
  | GapFrame

export type SubscribeClientFrame = {
  type: 'join'
  channel: ChannelName
  after?: string
}

export type UnsubscribeClientFrame = {
  type: 'leave'
  channel: ChannelName
}

export type PingClientFrame = {
  type: 'ping'
}

export type RefreshClientFrame = {
  type: 'refresh'
  token: string
}

/** All that goes from a client over a WebSocket. */
export type ClientFrame = ClientEvent | SubscribeClientFrame | UnsubscribeClientFrame | PingClientFrame | RefreshClientFrame

/** All of the above, for `@tidewire/client`. */
export interface Protocol {
  channels: Channels
  events: Events
  sends: Sends
  error: ErrorCode
}

/** What a client needs at run time to speak this contract. */
export const contract = {
  name: 'odd',
  version: '1.0.0',
  endpoints: [
    { kind: 'websocket', path: '/odd', token: [{ in: 'header' }, { in: 'query', name: 'token' }] },
    {
      kind: 'sse',
      path: '/odd/events',
      subscribe: 'channels',
      filter: 'types',
      token: [{ in: 'header' }, { in: 'query', name: 'token' }]
    }
  ],
  channels: [{ key: 'lobby', address: 'room:lobby', whole: true }, { key: 'room', address: 'room:{room}', whole: true }],
  events: [
    { type: 'shape.made', on: ['room', 'lobby'] },
    { type: 'tree.grown', on: ['room'] },
    { type: 'plain.thing', on: ['room'] },
    { type: 'say', on: ['room', 'lobby'] },
    { type: 'shout', on: ['room'] },
    { type: 'odd.*', on: ['room'] }
  ],
  sends: [{ type: 'say', on: ['room', 'lobby'], key: '${data.id}' }, { type: 'shout', on: ['room'] }],
  wire: {
    event: { type: '${type}', id: '${id}', seq: '${seq}', channel: '${channel}', at: '${at}', data: '${data}' },
    client: {
      subscribe: { type: 'join', channel: '${channel}', after: '${after}' },
      unsubscribe: { type: 'leave', channel: '${channel}' },
      send: { type: '${type}', channel: '${channel}', ref: '${key}', data: '${data}' },
      ping: { type: 'ping' },
      refresh: { type: 'refresh', token: '${token}' }
    },
    server: {
      hello: { type: 'hello', connection: '${connection}', at: '${at}' },
      subscribed: { type: 'joined', channel: '${channel}', position: '${position}' },
      ack: { type: '${type}.ok', ref: '${key}', reply: '${reply}' },
      refused: { type: '${type}.no', ref: '${key}', code: '${code}', message: '${message}', errors: '${errors}' },
      error: { type: 'error', code: '${code}', message: '${message}', channel: '${channel}' },
      pong: { type: 'pong' },
      refreshed: { type: 'refreshed', expires: '${expires}' }
    }
  },
  errors: {
    INVALID_PAYLOAD: 'Fix what `errors` point at, and send it again',
    UNAUTHORIZED: 'Refresh the token, or ask for the right',
    RATE_LIMITED: 'Wait, and send it again later',
    NOT_FOUND: 'Refresh what is shown',
    CONFLICT: 'Fetch the latest, and merge',
    TOO_DEEP: 'Send a flatter payload',
    UNAVAILABLE: 'Send it again with the same key: it counts once',
    RESTARTING: 'Reconnect, and send it again with the same key'
  },
  reconnect: { clean: 0, network: [1000, 30000] },
  keepalive: { ping: 2000, timeout: 6000 },
  types: {} as Protocol
} as const
