// The Pusher protocol, version 7: frames of its own around the contract's envelope. `@tidewire/client/pusher`, for those who need it.
import type { Description } from './description.js'
import { like, type Values } from './text.js'
import type { Incoming, Wire } from './wire.js'

const says: Record<string, Incoming['kind']> = {
  'pusher:connection_established': 'hello',
  'pusher_internal:subscription_succeeded': 'subscribed',
  'pusher:subscription_error': 'error',
  'pusher:error': 'error',
  'pusher_internal:member_added': 'member',
  'pusher_internal:member_removed': 'member',
  'pusher:ping': 'ping',
  'pusher:pong': 'pong',
  'tidewire:gap': 'gap'
}

const codes: Record<number, string> = { 401: 'UNAUTHORIZED', 403: 'UNAUTHORIZED', 404: 'NOT_FOUND', 429: 'RATE_LIMITED', 4301: 'RATE_LIMITED', 4009: 'UNAUTHORIZED' }
const parse = (data: unknown) => {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}

const envelope = ({ event }: Description['wire'], data: unknown, type?: string, channel?: string): Incoming => {
  const values: Values = {}
  if (like(event, data, values) < 0) values.data = data
  return { kind: 'event', values: { ...values, ...(type !== undefined && { type, channel }) }, frame: data }
}

export const pusher = ({ wire, endpoints }: Description): Wire => {
  let connection = ''
  return {
    decode (frame, isBare) {
      // The gap of a replay has the same words in every contract.
      if (isBare) return (frame as Values).type === 'gap' ? { kind: 'gap', values: frame as Values, frame } : envelope(wire, frame)
      const { event, channel, data: text } = frame as { event: string; channel?: string; data?: unknown }
      const data = parse(text) ?? {}
      const kind = says[event]
      if (!kind) return envelope(wire, data, event, channel)
      const values: Values = { ...data, channel }
      if (kind === 'hello') connection = data.socket_id
      if (kind === 'subscribed' && data.presence) values.presence = Object.entries(data.presence.hash).map(([id, info]) => ({ id, info }))
      if (kind === 'member') values[event.endsWith('added') ? 'joined' : 'left'] = { id: String(data.user_id), info: data.user_info }
      if (kind === 'error') {
        values.code = codes[data.status ?? data.code] ?? 'REFUSED'
        values.message = data.error ?? data.message
      }
      return { kind, values, frame }
    },
    encode (kind, { type, channel, data, ...values }) {
      if (kind === 'send') return JSON.stringify({ event: type, channel, data })
      if (kind === 'sync' || kind === 'refresh') return undefined
      return JSON.stringify({ event: `pusher:${kind}`, data: { ...values, channel } })
    },
    has: (kind, name) => {
      if (kind === 'event' || name) return kind === 'event' && JSON.stringify(wire.event).includes(`\${${name}}`)
      return !['sync', 'refresh', 'ack', 'refused'].includes(kind)
    },
    /** The signature that the protocol wants, and the wish to go on behind a place. */
    async admit (channel, after, to) {
      const endpoint = endpoints.find(({ kind }) => kind === 'authorize')
      const wish = after !== undefined && !channel.startsWith('presence-') ? { channel_data: JSON.stringify({ since: after }) } : {}
      if (!endpoint || !/^(private|presence)-/.test(channel)) return {}
      // Where it is refused it is asked for without, so that the server's own word for it comes by the usual way.
      const body = new URLSearchParams({ socket_id: connection, channel_name: channel })
      const { url, headers } = to(endpoint)
      const answer = await fetch(url, { method: 'POST', headers, body, credentials: 'include' })
      return { ...wish, auth: '', ...answer.ok && await answer.json() }
    }
  }
}
