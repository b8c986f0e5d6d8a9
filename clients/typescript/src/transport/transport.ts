// What the three transports have in common: each is a function that hands on what comes, and returns why it ended.
import { causeOf, type End } from '../backoff.js'
import type { Asked, Place, Request } from '../endpoint.js'

/** Who listens to a transport. */
export interface Line {
  /** Gives the connection up. */
  signal: AbortSignal
  /** A request to a place, as who the client is. */
  to (place: Place, asked: Asked, wait?: number): Request
  /** It stands. `send` takes what is said; without it, it goes one way. */
  open (send?: (text: string) => void): void
  /** A frame, as JSON. `channel`: where it is from, if that is known; `after`: the place behind it, where the transport knows one. */
  frame (frame: unknown, channel?: string, after?: string): void
  /** Everything up to here is known, of the channel or of all. */
  passed (after: string, channel?: string): void
  /** A sign of life. */
  heard (): void
}

/** Asks over HTTP; what refuses is thrown, as what it means. */
export const ask = async ({ url, headers }: Request, signal: AbortSignal): Promise<Response> => {
  const response = await fetch(url, { headers, signal, credentials: 'include' })
  if (response.ok) return response
  // What is in front of the server may answer with anything.
  const { detail = '' } = await response.json().catch(() => ({}))
  const end: End = { cause: causeOf(response.status), reason: `${response.status} ${detail}` }
  throw end
}
