// A contract as `tidewire gen typescript` describes it, and how its types are looked up.

/** Text with `${names}` in it; an object or a list of such; or a constant. */
export type Template = string | number | boolean | null | readonly Template[] | { readonly [name: string]: Template }

export interface Endpoint {
  readonly kind: 'websocket' | 'sse' | 'poll' | 'history' | 'pusher' | 'authorize' | 'signin' | 'replay'
  readonly path: string
  /** Query parameters that must be given, and the variable that each is. */
  readonly query?: { readonly [parameter: string]: string }
  /** The channel of a connection here. */
  readonly channel?: string
  /** Whether a client that names no channel gets some. */
  readonly unlessAsked?: boolean
  readonly filter?: string
  readonly resume?: string
  readonly page?: string
  readonly subscribe?: string
  readonly token: readonly { readonly in: 'header' | 'query' | 'cookie'; readonly name?: string }[]
}

export interface ChannelKind {
  readonly key: string
  readonly address: string
  readonly presence?: {
    /** Where a member's name stands in what is shown of it. */
    readonly member?: string
    readonly joins?: { readonly type: string; readonly member: string }
    readonly leaves?: { readonly type: string; readonly member: string }
  }
  /** Everybody gets every event: a hole in `seq` is something missed. */
  readonly whole?: boolean
}

export interface Description {
  readonly name: string
  readonly version: string
  readonly endpoints: readonly Endpoint[]
  readonly channels: readonly ChannelKind[]
  readonly events: readonly { readonly type: string; readonly on: readonly string[]; readonly newest?: { readonly of: string; readonly is: string } }[]
  readonly sends: readonly { readonly type: string; readonly on: readonly string[]; readonly key?: Template }[]
  readonly wire: {
    readonly protocol?: 'pusher'
    readonly event: Template
    readonly client?: { readonly [frame: string]: Template }
    readonly server?: { readonly [frame: string]: Template }
  }
  readonly errors: { readonly [code: string]: string }
  readonly reconnect: { readonly clean: number; readonly network: readonly [number, number] }
  readonly keepalive: { readonly ping: number; readonly timeout: number }
  readonly types: Types
}

type Pairs = readonly (readonly [string, unknown])[]

/** What only the compiler knows of a contract. */
export interface Types {
  channels: Pairs
  events: Pairs
  sends: Pairs
  error: string
}

/** The second of the first pair whose first fits `Name`. */
export type Lookup<List, Name> = List extends readonly [readonly [infer Pattern, infer Value], ...infer Rest]
  ? Name extends Pattern
    ? Value
    : Lookup<Rest, Name>
  : never

export type Names<List extends Pairs> = List[number][0]
export type ChannelName<D extends Description> = Names<D['types']['channels']>
/** An event of a channel, in the contract's envelope. */
export type EventOn<D extends Description, Channel> = Lookup<D['types']['channels'], Channel>
export type EventType<D extends Description> = Names<D['types']['events']>
export type EventOf<D extends Description, Type> = Lookup<D['types']['events'], Type>
export type AnyEvent<D extends Description> = D['types']['events'][number][1]
export type SendType<D extends Description> = Names<D['types']['sends']>
export type Payload<D extends Description, Type> = Lookup<D['types']['sends'], Type> extends { data: infer Data } ? Data : never
export type Reply<D extends Description, Type> = Lookup<D['types']['sends'], Type> extends { reply: infer Reply } ? Reply : never
