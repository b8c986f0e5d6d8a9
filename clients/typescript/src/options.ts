// What an application says to a client, and what it hears of it.
import type { Cause } from './backoff.js'
import type { AnyEvent, ChannelName, Description, EventOf, EventOn, EventType, Payload, Reply, SendType } from './description.js'
import type { TidewireError } from './errors.js'
import type { Entry, Outcome } from './outbox.js'
import type { TransportName } from './session.js'
import type { Store } from './store.js'
import type { TokenSource } from './token.js'
import type { Wire } from './wire.js'

export type State = 'connecting' | 'open' | 'waiting' | 'closed'

/** Something between what the client has and what follows is not there any more: fetch what is true, then `seek`. */
export interface Gap {
  channel: string
  from: unknown
  to: unknown
  /** `expired`, `reset`, `unknown`, `damaged`; or of this client `hole`: a `seq` was left out. */
  reason: string
  action: string
  /** Behind this the events go on. */
  position: string | undefined
}

export interface About {
  type: string
  /** Where the event is from; several where the wire does not say and it could be any of them. */
  channels: readonly string[]
  transport: TransportName
}

export interface Options<D extends Description> {
  /** Of the server: `https://events.example.org`. */
  url: string
  token?: TokenSource
  /** What stands for `{names}` in paths; those that a channel's name tells may be left out. */
  variables?: Record<string, string>
  /** How a contract is spoken that has no frames of its own: `pusher`. */
  protocol?: (contract: Description) => Wire
  /** Which events to get: `chat.*;item.*`. */
  types?: string
  /** In order of preference. */
  transports?: readonly TransportName[]
  store?: Store
  /** Tells what is kept for one user from what is kept for another; the token's `sub`, if it is not said. */
  identity?: string
  /** Milliseconds after which a transport that was fallen back to is given up for a better one. */
  upgrade?: number
  signal?: AbortSignal
  onGap?: (gap: Gap) => void
  onError?: (error: TidewireError<D['types']['error'] | (string & {})>) => void
  onState?: (state: State, about: { transport: TransportName | undefined; cause?: Cause; reason?: string }) => void
  /** What became of an event that was sent: also of one that an earlier page left behind. */
  onSettled?: (entry: Entry, outcome: Outcome) => void
  onPresence?: (channel: string, members: readonly unknown[]) => void
}

export interface SendOptions {
  /** Where the wire names the channel, or several could be meant. */
  channel?: string
  /** What makes it the same as another; made up where the wire has a place for it. */
  key?: string
  trace?: string
}

export interface SubscribeOptions {
  /** Go on behind this place, as a snapshot tells it; without it, where the client was, else from now on. */
  after?: string
}

/** A client of a contract: it stays connected until it is closed, and what the application hears is whole, in order and once. */
export interface Client<D extends Description = Description> {
  readonly state: State
  readonly transport: TransportName | undefined
  /** What waits to be said or answered, in its order. */
  readonly pending: readonly Entry[]
  /** Hears the events of a channel, until the function that it returns is called. */
  subscribe<const Name extends ChannelName<D>> (channel: Name, handler: (event: EventOn<D, Name>, about: About) => void, options?: SubscribeOptions): () => void
  /** Hears all events of a type on every channel of the connection; `*` is all of them. */
  on<const Type extends EventType<D>> (type: Type, handler: (event: EventOf<D, Type>, about: About) => void): () => void
  on (type: '*', handler: (event: AnyEvent<D>, about: About) => void): () => void
  /** Says something; kept until it is answered, over lost lines and reloads. The answer, or why it was refused. */
  send<const Type extends SendType<D>> (type: Type, data: Payload<D, Type>, options?: SendOptions): Promise<Reply<D, Type>>
  /** Who is on a channel, as far as is known. */
  members (channel: string): readonly unknown[]
  /** The place behind which the channel goes on. */
  position (channel: string): string | undefined
  /** The application has a snapshot: the channel goes on behind its place. */
  seek (channel: string, position: string): void
  /** Looks now whether the line still stands, and does not wait to come back. */
  wake (): void
  close (): void
}
