// A contract's own JSON protocol: what a client says, and what the server's frames mean.
import type { Description, Endpoint } from './description.js'
import type { Request } from './endpoint.js'
import { TidewireError } from './errors.js'
import { fill, like, type Values } from './text.js'

export type ClientKind = 'subscribe' | 'unsubscribe' | 'sync' | 'ping' | 'pong' | 'send' | 'refresh'

/** Something that came. `values` are the names of its template: `channel`, `id`, `seq`, `at`, `type`, `data`, `code` … */
export interface Incoming {
  kind: 'unknown' | 'event' | 'hello' | 'subscribed' | 'unsubscribed' | 'synced' | 'ack' | 'refused' | 'error' | 'ping' | 'pong' | 'refreshed' | 'gap' | 'member'
  values: Values
  /** As it came. */
  frame: unknown
}

export interface Wire {
  /** `isBare`: an envelope without the frame around it, as replays and event streams bring it. */
  decode (frame: unknown, isBare: boolean): Incoming
  /** `undefined`: the protocol has no word for it. */
  encode (kind: ClientKind, values: Values): string | undefined
  /** Whether there is such a frame, and this name in it. */
  has (kind: ClientKind | Incoming['kind'], name?: string): boolean
  /** Where a subscription needs more than a frame: what it is filled with. `to`: a request to an endpoint of the contract, as who the client is. */
  admit? (channel: string, after: string | undefined, to: (endpoint: Endpoint) => Request): Promise<Values>
}


export const templates = ({ wire: { protocol, event, client = {}, server = {} } }: Description): Wire => {
  if (protocol) throw new TidewireError('UNSUPPORTED', `protocol ${protocol}`)
  const known = Object.entries({ ...server, event })
  return {
    decode (frame) {
      // What the server says in its own words, where the contract has none, and in replays.
      const { type, ...values } = Object(frame) as Values
      if ((type === 'gap' && values.reason) || (type === 'error' && values.code)) return { kind: type, values, frame }
      let best: Incoming = { kind: 'unknown', values: {}, frame }
      let most = -1
      for (const [kind, template] of known) {
        const values: Values = {}
        const score = like(template, frame, values)
        if (score > most && (kind !== 'event' || typeof values.type === 'string')) {
          most = score
          best = { kind: kind as Incoming['kind'], values, frame }
        }
      }
      return best
    },
    encode: (kind, values) => JSON.stringify(fill(client[kind], values)),
    has: (kind, name) => !!JSON.stringify(client[kind] ?? server[kind])?.includes(name ? `\${${name}}` : '')
  }
}
